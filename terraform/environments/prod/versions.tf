terraform {
  required_version = ">= 1.11"

  # terraform init -backend-config="bucket=STATE_BUCKET" -backend-config="prefix=penstock/ENVIRONMENT"
  backend "gcs" {}

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 8"
    }
    google-beta = {
      source  = "hashicorp/google-beta"
      version = ">= 6.50, < 8"
    }
    time = {
      source  = "hashicorp/time"
      version = ">= 0.13, < 1"
    }
  }
}
