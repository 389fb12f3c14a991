# What Cloud Run offers and what runs on it, as of November 2026: https://cloud.google.com/run/docs/configuring/services/gpu
# The one place to extend when Google adds a region or an engine learns a format.

locals {
  gpus = {
    nvidia-l4 = {
      memory_gb  = 24
      min_cpu    = 4
      min_memory = 16
      regions    = ["asia-south1", "asia-southeast1", "europe-west1", "europe-west4", "us-central1", "us-east4"]
    }
    nvidia-rtx-pro-6000 = {
      memory_gb  = 96
      min_cpu    = 20
      min_memory = 80
      regions    = ["asia-south2", "asia-southeast1", "europe-west4", "us-central1"]
    }
  }

  # engine => GPU => quantizations its kernels are there for. TGI's last image (3.3.7) has none for Blackwell, and an L4 has no FP4 units.
  quantizations = {
    tgi = {
      nvidia-l4           = ["awq", "gptq", "marlin", "exl2", "compressed-tensors", "eetq", "fp8", "bitsandbytes", "bitsandbytes-nf4"]
      nvidia-rtx-pro-6000 = []
    }
    vllm = {
      nvidia-l4           = ["awq", "gptq", "compressed-tensors", "fp8", "bitsandbytes"]
      nvidia-rtx-pro-6000 = ["awq", "gptq", "compressed-tensors", "fp8", "bitsandbytes", "modelopt_fp4"]
    }
  }

  gpu = try(local.gpus[var.settings.gpu], null)
}
