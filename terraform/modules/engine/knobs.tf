variable "tgi" {
  description = <<-EOT
    TGI's own settings, each under its environment variable's name in lower case; what is left out TGI decides. What they really do in 3.3.7:
    `max_batch_total_tokens`: **ignored, with a warning, on flash-attention models, that is on nearly all**: TGI infers it from free GPU memory; read what is in force from the gauge tgi_batch_max_total_tokens. Obeyed only on non-flash models. To move the inferred value use cuda_memory_fraction, kv_cache_dtype or a quantization.
    `waiting_served_ratio`, `max_waiting_tokens`: ignored while prefill chunking is on (its default). `max_batch_size`: holds for the first batch only, unless chunking is off.
    `prefill_chunking`: false turns it off, and those three on; `speculate` above 0 turns it off too.
    Always obeyed: `max_batch_prefill_tokens` (bounds one prefill step), `max_concurrent_requests` (above it TGI answers 429; default 128), `max_input_tokens`, `max_total_tokens` (input plus output),
    `cuda_memory_fraction` (0-1 of the GPU), `tgi_wiggle_room` (share of what is free that the cache takes, 0.90), `kv_cache_dtype` (fp8_e4m3fn or fp8_e5m2: half the cache, twice the tokens).
  EOT
  type = object({
    max_batch_total_tokens   = optional(number)
    max_batch_prefill_tokens = optional(number)
    max_batch_size           = optional(number)
    max_concurrent_requests  = optional(number)
    max_input_tokens         = optional(number)
    max_total_tokens         = optional(number)
    max_waiting_tokens       = optional(number)
    waiting_served_ratio     = optional(number)
    prefill_chunking         = optional(bool)
    speculate                = optional(number)
    cuda_memory_fraction     = optional(number)
    tgi_wiggle_room          = optional(number)
    kv_cache_dtype           = optional(string)
  })
  default = null

  validation {
    condition     = var.tgi == null || var.settings.kind == "tgi"
    error_message = "engine.tgi is set but engine.kind is \"${var.settings.kind}\": these settings would do nothing. Move them to engine.${var.settings.kind}."
  }
  validation {
    condition     = try(coalesce(var.tgi.max_input_tokens, 1) < coalesce(var.tgi.max_total_tokens, 1000000000), true)
    error_message = "tgi.max_input_tokens must be below tgi.max_total_tokens: the total is input plus output."
  }
  validation {
    condition     = try(var.tgi.kv_cache_dtype == null || contains(["fp8_e4m3fn", "fp8_e5m2"], var.tgi.kv_cache_dtype), true)
    error_message = "tgi.kv_cache_dtype must be fp8_e4m3fn or fp8_e5m2; leave it out for the model's own dtype."
  }
  validation {
    condition     = try(var.tgi.cuda_memory_fraction == null || (var.tgi.cuda_memory_fraction > 0 && var.tgi.cuda_memory_fraction <= 1), true)
    error_message = "tgi.cuda_memory_fraction is a share of the GPU's memory: above 0, at most 1."
  }
  validation {
    condition     = var.settings.kind != "tgi" || var.settings.concurrency <= try(coalesce(var.tgi.max_concurrent_requests, 128), 128)
    error_message = "engine.concurrency (${var.settings.concurrency}) is above tgi.max_concurrent_requests (128 unless set): TGI would answer 429 to what Cloud Run sends it. Lower the one or raise the other."
  }
}

variable "vllm" {
  description = <<-EOT
    vLLM's own settings, each under its flag's name; what is left out vLLM decides.
    `max_num_batched_tokens`: tokens of one step, prefill and decode together (2048 on an L4): larger fills faster and makes running answers stutter. `max_num_seqs`: answers written at once (256): the batch size.
    `max_model_len`: input plus output of one request; lower it to fit more requests. `gpu_memory_utilization`: share of the GPU (0.92).
    `max_num_queued_reqs`: above it vLLM answers 503 and the handler parks the request; without it vLLM queues without end and its callers' instances wait, billed. `kv_cache_dtype`: fp8, fp8_e4m3 or fp8_e5m2.
    Prefix caching is on by itself.
  EOT
  type = object({
    max_num_batched_tokens = optional(number)
    max_num_seqs           = optional(number)
    max_model_len          = optional(number)
    max_num_queued_reqs    = optional(number)
    gpu_memory_utilization = optional(number)
    kv_cache_dtype         = optional(string)
  })
  default = null

  validation {
    condition     = var.vllm == null || var.settings.kind == "vllm"
    error_message = "engine.vllm is set but engine.kind is \"${var.settings.kind}\": these settings would do nothing. Move them to engine.${var.settings.kind}."
  }
  validation {
    condition     = try(var.vllm.kv_cache_dtype == null || contains(["fp8", "fp8_e4m3", "fp8_e5m2"], var.vllm.kv_cache_dtype), true)
    error_message = "vllm.kv_cache_dtype must be fp8, fp8_e4m3 or fp8_e5m2; leave it out for the model's own dtype."
  }
  validation {
    condition     = try(var.vllm.gpu_memory_utilization == null || (var.vllm.gpu_memory_utilization > 0 && var.vllm.gpu_memory_utilization <= 1), true)
    error_message = "vllm.gpu_memory_utilization is a share of the GPU's memory: above 0, at most 1."
  }
}

# Not an error, since non-flash models obey it; but nobody should believe a number that is not in force.
check "max_batch_total_tokens_in_force" {
  assert {
    condition     = try(var.tgi.max_batch_total_tokens, null) == null
    error_message = "TGI ignores max_batch_total_tokens on flash-attention models: compare the gauge tgi_batch_max_total_tokens with your value before relying on it."
  }
}
