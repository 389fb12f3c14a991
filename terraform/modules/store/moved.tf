# Addresses of installations made before a field was indexed by its collection's name and its own.

moved {
  from = google_firestore_field.indexed["due_at"]
  to   = google_firestore_field.indexed["requests due_at"]
}

moved {
  from = google_firestore_field.indexed["open_since"]
  to   = google_firestore_field.indexed["requests open_since"]
}

moved {
  from = google_firestore_field.indexed["following"]
  to   = google_firestore_field.indexed["requests following"]
}
