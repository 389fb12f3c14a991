# Firestore indexes every field of every document unless told not to. What we query by, by collection group, is few fields;
# an index nobody reads costs a write each time, and one with growing values caps a collection at about 500 writes/s.

locals {
  indexed  = merge([for c in values(var.collections) : { for field in c.indexed : "${c.name} ${field}" => { collection = c.name, field = field } }]...)
  expiring = { for label, c in var.collections : label => c.name if c.expires }
}

# Everything that has no setting of its own: no index.
resource "google_firestore_field" "exempt" {
  for_each = var.collections

  project    = var.project_id
  database   = google_firestore_database.this.name
  collection = each.value.name
  field      = "*"

  index_config {}
}

resource "google_firestore_field" "indexed" {
  for_each = local.indexed

  project    = var.project_id
  database   = google_firestore_database.this.name
  collection = each.value.collection
  field      = each.value.field

  index_config {
    indexes {
      order       = "ASCENDING"
      query_scope = "COLLECTION_GROUP"
    }
  }
}

# Firestore deletes a document within about a day of this time. It is set only once the result is delivered.
resource "google_firestore_field" "expires_at" {
  for_each = local.expiring

  project    = var.project_id
  database   = google_firestore_database.this.name
  collection = each.value
  field      = "expires_at"

  index_config {}
  ttl_config {}
}
