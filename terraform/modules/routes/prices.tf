# The price book's models (functions/penstock/money/prices.json); a test compares the two. An OpenAI snapshot, NAME-2026-03-17, costs what NAME costs.

locals {
  priced = ["gpt-4o-mini", "gpt-5.4-mini", "gpt-5.4-nano", "gpt-6-astra", "gpt-6-luna", "gpt-6-sol", "gpt-6.1-sol", "gpt-6.1-terra", "offline", "text-embedding-3-small"]

  # The windows of lane background, with the models that have a price in them.
  windowed = {
    "2h" = ["gpt-6-astra", "gpt-6-luna", "gpt-6-sol", "gpt-6.1-sol", "gpt-6.1-terra"]
    "8h" = ["gpt-6-astra", "gpt-6-luna", "gpt-6-sol", "gpt-6.1-sol", "gpt-6.1-terra"]
  }
}
