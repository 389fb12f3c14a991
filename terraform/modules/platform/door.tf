# A long file's content is a link that the front door has IAM sign, in its own name and in no other: no private key is at hand.
resource "google_service_account_iam_member" "signs_files" {
  count = contains(var.functions.rooms, "door") ? 1 : 0

  service_account_id = google_service_account.function["door"].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.members["door"]
}
