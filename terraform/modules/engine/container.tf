# From the settings to what the container sees.

locals {
  mount = "/weights"
  port  = 8080
  path  = var.settings.weights_path == null ? var.settings.model : "${local.mount}/${trim(coalesce(var.settings.weights_path, "-"), "/")}"

  # A bare repository is Docker Hub's, which Artifact Registry knows by a name of its own; any other is named by its host.
  repository = split("@", var.settings.image)[0]
  digest     = try(split("@", var.settings.image)[1], "")
  host       = strcontains(split("/", local.repository)[0], ".") ? split("/", local.repository)[0] : null
  remote     = local.host == null ? local.repository : trimprefix(local.repository, "${local.host}/")
  image      = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}/${local.remote}@${local.digest}"

  # TGI's launcher reads a switch as 1 or 0.
  tgi_knobs = { for name, value in coalesce(var.tgi, {}) : upper(name) => lookup({ "true" = "1", "false" = "0" }, tostring(value), tostring(value)) if value != null }

  vllm_knobs = flatten([for name, value in coalesce(var.vllm, {}) : ["--${replace(name, "_", "-")}", tostring(value)] if value != null])

  container = {
    tgi = {
      command = null
      # The launcher takes HOSTNAME from the environment for the address to listen on, and containers set it to their own name.
      args = ["--hostname", "0.0.0.0", "--port", tostring(local.port)]
      env = merge(
        { MODEL_ID = local.path, USAGE_STATS = "off" },
        var.settings.quantization == null ? {} : { QUANTIZE = var.settings.quantization },
        var.settings.revision == null ? {} : { REVISION = var.settings.revision },
        local.tgi_knobs,
      )
    }
    vllm = {
      command = ["vllm", "serve"]
      args = concat(
        [local.path, "--served-model-name", var.settings.model, "--host", "0.0.0.0", "--port", tostring(local.port), "--enable-prompt-tokens-details"],
        var.settings.quantization == null ? [] : ["--quantization", var.settings.quantization],
        var.settings.revision == null ? [] : ["--revision", var.settings.revision],
        local.vllm_knobs,
      )
      env = { VLLM_NO_USAGE_STATS = "1" }
    }
  }[var.settings.kind]

  env = merge(local.container.env, var.settings.weights_bucket == null ? {} : { HF_HUB_OFFLINE = "1" })
}
