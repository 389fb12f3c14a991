provider "google" {
  project        = var.project_id
  region         = var.region
  default_labels = { app = "penstock" }
}

# For the few APIs that ask whose quota a call counts against (Firebase Rules, Budgets), which by a person's own credentials is nobody's.
# Not for all: the first call of all enables APIs, and would be counted against a project that has none yet.
provider "google-beta" {
  project               = var.project_id
  region                = var.region
  billing_project       = var.project_id
  user_project_override = true
}
