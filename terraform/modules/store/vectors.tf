# Similar questions are found by their vectors, within a scope: a flat index, which reads all entries of the scope.
# `__name__` is said because Firestore adds it by itself: an index without it would be made anew at each apply.

resource "google_firestore_index" "vectors" {
  for_each = var.vectors

  project     = var.project_id
  database    = google_firestore_database.this.name
  collection  = each.key
  query_scope = "COLLECTION"

  fields {
    field_path = "scope"
    order      = "ASCENDING"
  }

  fields {
    field_path = "__name__"
    order      = "ASCENDING"
  }

  fields {
    field_path = "vector"
    vector_config {
      dimension = each.value
      flat {}
    }
  }
}

variable "vectors" {
  description = "Collections whose documents are found by their `vector` within their `scope`: name => how many numbers a vector has."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for dimension in values(var.vectors) : dimension >= 1 && dimension <= 2048])
    error_message = "A vector has 1 to 2048 numbers: Firestore takes no longer ones."
  }
}

output "vectors" {
  description = "What is found by its vector: collection => its dimension."
  value       = { for name, index in google_firestore_index.vectors : name => one([for field in index.fields : one(field.vector_config).dimension if field.field_path == "vector"]) }
}
