variable "project_id" {
  description = "Project of the job."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of the job and its bucket; one in which Cloud Run has the GPU for jobs."
  type        = string
  nullable    = false

  validation {
    condition     = local.gpu == null || contains(try(local.gpu.regions, []), var.region)
    error_message = "Cloud Run has no ${coalesce(var.settings.gpu, "GPU")} in ${var.region}. Set the region to one of: ${join(", ", try(local.gpu.regions, []))}."
  }
}

variable "started_by" {
  description = "The batcher's service account, ACCOUNT@PROJECT.iam.gserviceaccount.com: it alone starts the job."
  type        = string
  nullable    = false
}

variable "bundle" {
  description = "The functions' bundle, as scripts/bundle makes it: the drainer is in it."
  type        = string
  nullable    = false
}

variable "settings" {
  description = <<-EOT
    `image`: an image with vLLM, REGION-docker.pkg.dev/… or docker.io/vllm/vllm-openai, pinned by @sha256:DIGEST.
    `model`: the name that routes see; without `weights_path` also the id on the hub. `weights_bucket`, `weights_path`: an existing bucket and the folder of the model in it, mounted read-only.
    `gpu`: "nvidia-l4" or "nvidia-rtx-pro-6000". `cpu`, `memory`: the GPU's minimum unless set.
    `spot`: null, or the same on Spot VMs of Google Cloud Batch too, for targets that say so: `machine_type` (the smallest with the GPU), `retries` of a task whose VM was taken away, and `network` with `subnetwork` by their full names for VMs without an address of their own.
    `width`: requests that the engine is asked at once. `args`: more of `vllm serve`'s own.
  EOT
  type = object({
    image          = string
    model          = string
    weights_bucket = optional(string)
    weights_path   = optional(string)
    gpu            = string
    cpu            = optional(number)
    memory         = optional(string)
    width          = optional(number, 256)
    args           = optional(list(string), [])
    spot           = optional(object({ machine_type = optional(string), network = optional(string), subnetwork = optional(string), retries = optional(number, 3) }))
  })
  nullable = false

  validation {
    condition     = contains(keys(local.gpus), coalesce(var.settings.gpu, "-"))
    error_message = "The job needs a GPU: set gpu to one of ${join(", ", keys(local.gpus))}."
  }
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9./_-]*@sha256:[0-9a-f]{64}$", var.settings.image))
    error_message = "Pin the image by digest, REPOSITORY@sha256:…: a tag can change under you between two jobs."
  }
  validation {
    condition     = (var.settings.weights_bucket == null) == (var.settings.weights_path == null)
    error_message = "Give weights_bucket and weights_path together, or neither to load from the hub."
  }
  validation {
    condition     = try((var.settings.spot.network == null) == (var.settings.spot.subnetwork == null), true)
    error_message = "Give spot its network and subnetwork together, or neither for the default network."
  }
  validation {
    condition     = try(var.settings.spot.retries >= 0 && var.settings.spot.retries <= 10 && floor(var.settings.spot.retries) == var.settings.spot.retries, true)
    error_message = "Set spot's retries to a whole number from 0 to 10: Batch begins a task no more often."
  }
  validation {
    condition     = var.settings.width >= 1 && var.settings.width <= 4096 && floor(var.settings.width) == var.settings.width
    error_message = "Set width to a whole number from 1 to 4096."
  }
  validation {
    condition     = try(coalesce(var.settings.cpu, 999) >= local.gpus[var.settings.gpu].cpu, true)
    error_message = "${coalesce(var.settings.gpu, "The GPU")} needs at least ${try(local.gpus[var.settings.gpu].cpu, 0)} vCPU: raise cpu, or leave it out."
  }
}

variable "protected" {
  description = "Whether the job refuses to be deleted."
  type        = bool
  default     = true
  nullable    = false
}
