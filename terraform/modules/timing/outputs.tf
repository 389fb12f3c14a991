output "timing" {
  description = "The deadlines, checked: provider_budget_s < self_cancel_s < function_timeout_s < ack_deadline_s <= 600."
  value       = var.timing
}
