# What an engine refuses at plan. Each run differs from a good one in one thing.

mock_provider "google" {}

variables {
  project_id = "my-project-1"
  region     = "us-central1"
  timeout_s  = 540
  invokers   = {}
  settings   = { kind = "vllm", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 8 }
}

run "the_good_one" {
  command = plan
}

run "no_gpu" {
  command = plan
  variables {
    settings = { kind = "vllm", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", concurrency = 8 }
  }
  expect_failures = [var.settings]
}

run "an_unknown_gpu" {
  command = plan
  variables {
    settings = { kind = "vllm", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-t4", concurrency = 8 }
  }
  expect_failures = [var.settings]
}

run "an_unknown_kind" {
  command = plan
  variables {
    settings = { kind = "ollama", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 8 }
  }
  expect_failures = [var.settings]
}

run "a_region_without_the_gpu" {
  command = plan
  variables {
    region = "me-west1"
  }
  expect_failures = [var.region]
}

run "tgi_on_blackwell" {
  command = plan
  variables {
    settings = { kind = "tgi", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-rtx-pro-6000", concurrency = 8 }
  }
  expect_failures = [var.settings]
}

run "a_quantization_the_engine_lacks" {
  command = plan
  variables {
    settings = { kind = "vllm", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 8, quantization = "exl2" }
  }
  expect_failures = [var.settings]
}

run "a_quantization_the_gpu_lacks" {
  command = plan
  variables {
    settings = { kind = "vllm", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 8, quantization = "modelopt_fp4" }
  }
  expect_failures = [var.settings]
}

run "an_image_by_tag" {
  command = plan
  variables {
    settings = { kind = "vllm", image = "vllm/vllm-openai:latest", model = "m", gpu = "nvidia-l4", concurrency = 8 }
  }
  expect_failures = [var.settings]
}

run "weights_without_a_path" {
  command = plan
  variables {
    settings = { kind = "vllm", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 8, weights_bucket = "w" }
  }
  expect_failures = [var.settings]
}

run "too_little_cpu" {
  command = plan
  variables {
    settings = { kind = "vllm", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 8, cpu = 2 }
  }
  expect_failures = [var.settings]
}

run "too_little_memory" {
  command = plan
  variables {
    settings = { kind = "vllm", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 8, memory = "8Gi" }
  }
  expect_failures = [var.settings]
}

run "memory_in_another_unit" {
  command = plan
  variables {
    settings = { kind = "vllm", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 8, memory = "16000Mi" }
  }
  expect_failures = [var.settings]
}

run "no_room_for_a_request" {
  command = plan
  variables {
    settings = { kind = "vllm", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 0 }
  }
  expect_failures = [var.settings]
}

run "more_minimum_than_maximum" {
  command = plan
  variables {
    settings = { kind = "vllm", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 8, min_instances = 2 }
  }
  expect_failures = [var.settings]
}

run "a_start_longer_than_cloud_run_waits" {
  command = plan
  variables {
    settings = { kind = "vllm", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 8, startup_s = 1801 }
  }
  expect_failures = [var.settings]
}

run "the_other_engines_knobs" {
  command = plan
  variables {
    tgi = { max_total_tokens = 4096 }
  }
  expect_failures = [var.tgi]
}

run "vllm_knobs_on_tgi" {
  command = plan
  variables {
    settings = { kind = "tgi", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 8 }
    vllm     = { max_num_seqs = 4 }
  }
  expect_failures = [var.vllm]
}

run "more_input_than_total" {
  command = plan
  variables {
    settings = { kind = "tgi", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 8 }
    tgi      = { max_input_tokens = 4096, max_total_tokens = 4096 }
  }
  expect_failures = [var.tgi]
}

run "a_cache_type_tgi_lacks" {
  command = plan
  variables {
    settings = { kind = "tgi", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 8 }
    tgi      = { kv_cache_dtype = "int8" }
  }
  expect_failures = [var.tgi]
}

run "a_cache_type_vllm_lacks" {
  command = plan
  variables {
    vllm = { kv_cache_dtype = "int8" }
  }
  expect_failures = [var.vllm]
}

run "more_memory_than_there_is" {
  command = plan
  variables {
    vllm = { gpu_memory_utilization = 1.5 }
  }
  expect_failures = [var.vllm]
}

run "more_requests_than_tgi_takes" {
  command = plan
  variables {
    settings = { kind = "tgi", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 129 }
  }
  expect_failures = [var.tgi]
}
