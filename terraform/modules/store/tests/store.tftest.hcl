mock_provider "google" {}
mock_provider "google-beta" {}

variables {
  project_id = "my-project-1"
  region     = "us-central1"
  collections = {
    requests = { name = "requests", expires = true, indexed = ["due_at", "open_since", "following"] }
    orphans  = { name = "orphans", expires = true }
    cache    = { name = "cache", expires = true }
    usage    = { name = "usage" }
    control  = { name = "control" }
  }
  passing = ["tenants/", "dead-letters/"]
  blob_users = {
    handler   = { member = "serviceAccount:h@my-project-1.iam.gserviceaccount.com" }
    responder = { member = "serviceAccount:r@my-project-1.iam.gserviceaccount.com", folder = "dead-letters/" }
  }
  users = { handler = "serviceAccount:h@my-project-1.iam.gserviceaccount.com" }
}

run "indexes_what_is_asked_for_and_nothing_else" {
  assert {
    condition     = output.indexes == { requests = { due_at = "ASCENDING", open_since = "ASCENDING", following = "ASCENDING" } }
    error_message = "The sweeper's three fields are not the indexed ones."
  }
  assert {
    condition     = alltrue([for f in google_firestore_field.indexed : alltrue([for i in one(f.index_config).indexes : i.query_scope == "COLLECTION_GROUP"])])
    error_message = "The fields are asked for across tenants: the scope must be COLLECTION_GROUP."
  }
  assert {
    condition     = alltrue([for f in google_firestore_field.exempt : f.field == "*" && length(one(f.index_config).indexes) == 0]) && length(google_firestore_field.exempt) == 5
    error_message = "A collection is indexed beyond what is queried."
  }
  assert {
    condition     = output.expiring == tolist(["cache", "orphans", "requests"]) && alltrue([for f in google_firestore_field.expires_at : length(f.ttl_config) == 1 && length(one(f.index_config).indexes) == 0])
    error_message = "A collection does not expire, or its growing expires_at is indexed."
  }
}

run "vectors_are_found_within_their_scope" {
  command = plan
  variables { vectors = { similar = 1536 } }
  assert {
    condition     = output.vectors == { similar = 1536 } && google_firestore_index.vectors["similar"].query_scope == "COLLECTION"
    error_message = "A tenant's vectors lie in a collection of its own, and are searched there alone."
  }
  assert {
    condition     = [for field in google_firestore_index.vectors["similar"].fields : field.field_path] == ["scope", "__name__", "vector"]
    error_message = "Firestore adds __name__ before the vector: an index without it would be made anew each time."
  }
}

run "refuses_vectors_that_firestore_does_not_take" {
  command = plan
  variables { vectors = { similar = 2049 } }
  expect_failures = [var.vectors]
}

run "only_this_database" {
  command = plan
  variables { settings = { database = "penstock" } }
  assert {
    condition     = alltrue([for m in google_project_iam_member.documents : m.role == "roles/datastore.user" && one(m.condition).expression == "resource.name == \"projects/my-project-1/databases/penstock\" || resource.name.startsWith(\"projects/my-project-1/databases/penstock/\")"])
    error_message = "A grant on Firestore reaches beyond the database."
  }
  assert {
    condition     = google_firebaserules_release.deny.name == "cloud.firestore/penstock" && strcontains(google_firebaserules_ruleset.deny.source[0].files[0].content, "if false")
    error_message = "The rules of the named database do not deny all."
  }
}

run "completions_of_the_own_tenant" {
  command = plan
  variables {
    completion_readers = {
      one = { member = "user:a@example.com", tenant = "acme" }
      all = { member = "user:b@example.com" }
    }
    operators = ["user:ops@example.com"]
  }
  assert {
    condition     = one(google_storage_bucket_iam_member.completions["one"].condition).expression == "resource.name.startsWith(\"projects/_/buckets/my-project-1-blobs/objects/tenants/acme/completions/\")"
    error_message = "A tenant's reader could open other blobs than its own completions."
  }
  assert {
    condition     = strcontains(one(google_storage_bucket_iam_member.completions["all"].condition).expression, "/completions/") && google_storage_bucket_iam_member.completions["all"].role == "roles/storage.objectViewer"
    error_message = "A reader of all tenants could open prompts, or write."
  }
  assert {
    condition     = length(google_storage_bucket_iam_member.blobs["handler"].condition) == 0 && strcontains(one(google_storage_bucket_iam_member.blobs["responder"].condition).expression, "/objects/dead-letters/") && length(google_project_iam_member.documents) == 2
    error_message = "A function reaches the wrong blobs, or an operator no documents."
  }
}

run "protected_unless_told_otherwise" {
  command = plan
  assert {
    condition     = google_firestore_database.this.delete_protection_state == "DELETE_PROTECTION_ENABLED" && google_firestore_database.this.deletion_policy == "ABANDON" && google_storage_bucket.blobs.force_destroy == false
    error_message = "By default a destroy would take the data along."
  }
  assert {
    condition     = google_firebaserules_release.deny.name == "cloud.firestore" && google_firestore_database.this.location_id == "us-central1"
    error_message = "The default database has the release cloud.firestore and lies in the region."
  }
}

run "destroyable_in_dev" {
  command = plan
  variables { settings = { protected = false, point_in_time_recovery = true, location = "nam5" } }
  assert {
    condition     = google_firestore_database.this.deletion_policy == "DELETE" && google_firestore_database.this.delete_protection_state == "DELETE_PROTECTION_DISABLED" && google_storage_bucket.blobs.force_destroy
    error_message = "Unprotected, terraform destroy must be able to delete."
  }
  assert {
    condition     = google_firestore_database.this.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED" && google_firestore_database.this.location_id == "nam5"
    error_message = "Recovery or location are not passed on."
  }
}

run "refuses_a_database_name_and_a_folder_that_is_a_prefix" {
  command = plan
  variables {
    settings   = { database = "Default" }
    blob_users = { responder = { member = "user:a@example.com", folder = "dead" } }
  }
  expect_failures = [var.settings, var.blob_users]
}

run "deletes_what_requests_leave_and_no_pipeline" {
  command = plan
  assert {
    condition     = one(one(google_storage_bucket.blobs.lifecycle_rule).condition).matches_prefix == tolist(["dead-letters/", "tenants/"]) && one(one(google_storage_bucket.blobs.lifecycle_rule).condition).age == 120
    error_message = "Blobs would stay for ever, or deployed pipelines would be deleted."
  }
}

run "refuses_a_rule_for_every_blob" {
  command = plan
  variables { passing = [] }
  expect_failures = [var.passing]
}

run "refuses_blobs_that_die_before_their_documents" {
  command = plan
  variables { settings = { blob_days = 31 } }
  expect_failures = [var.settings]
}
