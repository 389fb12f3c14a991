# A project that had a Firestore database before us: `data = { adopt = ["database"] }`, for one apply.

locals {
  adopt    = try(var.data.adopt, [])
  database = try(coalesce(var.data.database), "(default)")
}

import {
  for_each = contains(local.adopt, "database") ? [local.database] : []
  to       = module.penstock.module.store.google_firestore_database.this
  id       = "projects/${var.project_id}/databases/${each.value}"
}

import {
  for_each = contains(local.adopt, "rules") ? [local.database] : []
  to       = module.penstock.module.store.google_firebaserules_release.deny
  id       = "projects/${var.project_id}/releases/${each.value == "(default)" ? "cloud.firestore" : "cloud.firestore/${each.value}"}"
}
