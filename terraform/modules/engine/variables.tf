variable "project_id" {
  description = "Project of the engine."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of the engine; one in which Cloud Run has the GPU."
  type        = string
  nullable    = false

  validation {
    condition     = local.gpu == null || contains(try(local.gpu.regions, []), var.region)
    error_message = "Cloud Run has no ${coalesce(var.settings.gpu, "GPU")} in ${var.region}. Set engine.region to one of: ${join(", ", try(local.gpu.regions, []))}."
  }
}

variable "settings" {
  description = <<-EOT
    `kind`: "vllm", or "tgi" (in maintenance mode since December 2025; its last version is 3.3.7).
    `image`: REPOSITORY@sha256:DIGEST as its publisher names it; a first part with a dot is its registry, none means Docker Hub. It is pulled through our own Artifact Registry.
    `model`: the name that routes and clients see; without `weights_path` also the id on the hub. `revision` pins it there.
    `weights_bucket`, `weights_path`: an existing bucket and the folder of the model in it, mounted read-only. Without them the model is downloaded at every cold start, into the instance's own memory: `memory` must hold it. No hub token is passed on: a model that asks for one must come from a bucket.
    `gpu`: "nvidia-l4" (24 GB) or "nvidia-rtx-pro-6000" (96 GB). `cpu`, `memory`: the GPU's minimum unless set (4 vCPU and 16Gi, 20 and 80Gi).
    `quantization`: as the weights were made (awq, gptq, compressed-tensors …), or made while loading (fp8, eetq, bitsandbytes): slower to start, and slower. Leave it out for the weights' own dtype.
    `concurrency`: requests that Cloud Run sends to one instance. State it: Cloud Run's own default of 80 per vCPU drowns an engine. Measure it with `penstock tune`.
    `min_instances`: 0 sleeps; 1 is billed around the clock. `max_instances`: more than 1 needs GPU quota. `startup_s`: how long loading the weights may take.
  EOT
  type = object({
    kind           = string
    image          = string
    model          = string
    revision       = optional(string)
    weights_bucket = optional(string)
    weights_path   = optional(string)
    region         = optional(string)
    gpu            = optional(string)
    cpu            = optional(number)
    memory         = optional(string)
    quantization   = optional(string)
    concurrency    = number
    min_instances  = optional(number, 0)
    max_instances  = optional(number, 1)
    startup_s      = optional(number, 900)
    tgi            = optional(any)
    vllm           = optional(any)
  })
  nullable = false

  validation {
    condition     = contains(["tgi", "vllm"], var.settings.kind)
    error_message = "engine.kind is \"${var.settings.kind}\"; write \"vllm\" or \"tgi\"."
  }
  validation {
    condition     = contains(keys(local.gpus), coalesce(var.settings.gpu, "-"))
    error_message = "An engine needs a GPU: set engine.gpu to one of ${join(", ", keys(local.gpus))}."
  }
  validation {
    condition     = !(var.settings.kind == "tgi" && var.settings.gpu == "nvidia-rtx-pro-6000")
    error_message = "TGI's image has no kernels for the RTX PRO 6000: set engine.kind to \"vllm\", or engine.gpu to \"nvidia-l4\"."
  }
  validation {
    condition     = var.settings.quantization == null || contains(try(local.quantizations[var.settings.kind][var.settings.gpu], []), coalesce(var.settings.quantization, "-"))
    error_message = "${var.settings.kind} on ${coalesce(var.settings.gpu, "no GPU")} cannot run quantization \"${coalesce(var.settings.quantization, "-")}\". It has: ${join(", ", try(local.quantizations[var.settings.kind][var.settings.gpu], []))}."
  }
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9./_-]*@sha256:[0-9a-f]{64}$", var.settings.image))
    error_message = "engine.image is \"${var.settings.image}\"; pin it by digest, REPOSITORY@sha256:…: a tag can change under you between two cold starts."
  }
  validation {
    condition     = (var.settings.weights_bucket == null) == (var.settings.weights_path == null)
    error_message = "Give engine.weights_bucket and engine.weights_path together, or neither to load from the hub."
  }
  validation {
    condition     = try(coalesce(var.settings.cpu, 999) >= local.gpus[var.settings.gpu].min_cpu, true)
    error_message = "${coalesce(var.settings.gpu, "The GPU")} needs at least ${try(local.gpus[var.settings.gpu].min_cpu, 0)} vCPU: raise engine.cpu, or leave it out."
  }
  validation {
    condition     = var.settings.memory == null || try(tonumber(trimsuffix(var.settings.memory, "Gi")) >= local.gpus[var.settings.gpu].min_memory, !contains(keys(local.gpus), coalesce(var.settings.gpu, "-")))
    error_message = "engine.memory is \"${coalesce(var.settings.memory, "-")}\"; ${coalesce(var.settings.gpu, "the GPU")} needs at least ${try(local.gpus[var.settings.gpu].min_memory, 0)}Gi: raise it (written in Gi), or leave it out."
  }
  validation {
    condition     = var.settings.concurrency >= 1 && var.settings.concurrency <= 1000 && var.settings.min_instances >= 0 && var.settings.min_instances <= var.settings.max_instances && var.settings.max_instances >= 1
    error_message = "Set engine.concurrency to 1-1000 and instances to 0 <= min_instances <= max_instances, max_instances at least 1."
  }
  validation {
    condition     = var.settings.startup_s >= 10 && var.settings.startup_s <= 1800
    error_message = "engine.startup_s is ${var.settings.startup_s}; Cloud Run waits 10 to 1800 seconds for a GPU service to start."
  }
}

variable "timeout_s" {
  description = "Cloud Run ends a request to the engine after so long; no shorter than the handler's budget for model calls."
  type        = number
  nullable    = false
}

variable "invokers" {
  description = "Who may call the engine: label => IAM member. The handler, and nobody else."
  type        = map(string)
  nullable    = false
}

variable "protected" {
  description = "Whether the service refuses to be deleted."
  type        = bool
  default     = true
  nullable    = false
}
