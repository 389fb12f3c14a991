# The door for browsers and phones, which we do not use: shut. Our functions come in by IAM, which these rules do not touch.
# google-beta because its provider block carries user_project_override, without which this API answers 403 to a person's own credentials.

resource "google_firebaserules_ruleset" "deny" {
  provider = google-beta
  project  = var.project_id

  source {
    files {
      name    = "firestore.rules"
      content = <<-EOT
        rules_version = '2';
        service cloud.firestore {
          match /databases/{database}/documents {
            match /{document=**} {
              allow read, write: if false;
            }
          }
        }
      EOT
    }
  }

  depends_on = [google_firestore_database.this]
}

resource "google_firebaserules_release" "deny" {
  provider = google-beta
  project  = var.project_id

  name         = var.settings.database == "(default)" ? "cloud.firestore" : "cloud.firestore/${var.settings.database}"
  ruleset_name = "projects/${var.project_id}/rulesets/${google_firebaserules_ruleset.deny.name}"

  lifecycle {
    replace_triggered_by = [google_firebaserules_ruleset.deny]
  }
}
