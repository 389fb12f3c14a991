locals {
  # One row per (tenant, request_id, redrive_count): the identity by which every consumer must deduplicate.
  results_sql = <<-EOT
    WITH decoded AS (
      SELECT
        JSON_VALUE(data, '$.tenant') AS tenant,
        JSON_VALUE(data, '$.request_id') AS request_id,
        CAST(JSON_VALUE(data, '$.redrive_count') AS INT64) AS redrive_count,
        JSON_VALUE(data, '$.status') AS status,
        JSON_VALUE(data, '$.error.reason') AS reason,
        JSON_VALUE(data, '$.model') AS model,
        JSON_VALUE(data, '$.provider') AS provider,
        JSON_VALUE(data, '$.target') AS target,
        JSON_VALUE(data, '$.cache') AS cache,
        JSON_VALUE(data, '$.experiment') AS experiment,
        JSON_VALUE(data, '$.arm') AS arm,
        CAST(JSON_VALUE(data, '$.fell_back') AS BOOL) AS fell_back,
        ARRAY_LENGTH(JSON_QUERY_ARRAY(data, '$.cascade')) AS refused_answers,
        CAST(JSON_VALUE(data, '$.cost.usd') AS FLOAT64) AS cost_usd,
        CAST(JSON_VALUE(data, '$.cost.saved_usd') AS FLOAT64) AS saved_usd,
        CAST(JSON_VALUE(data, '$.usage.prompt_tokens') AS INT64) AS prompt_tokens,
        CAST(JSON_VALUE(data, '$.usage.cached_tokens') AS INT64) AS cached_tokens,
        CAST(JSON_VALUE(data, '$.usage.completion_tokens') AS INT64) AS completion_tokens,
        CAST(JSON_VALUE(data, '$.timings.provider_ms') AS FLOAT64) AS provider_ms,
        CAST(JSON_VALUE(data, '$.timings.total_ms') AS FLOAT64) AS total_ms,
        CAST(JSON_VALUE(data, '$.completed_at') AS TIMESTAMP) AS completed_at,
        publish_time,
        message_id,
        data
      FROM `${var.project_id}.${google_bigquery_dataset.this.dataset_id}.${google_bigquery_table.responses.table_id}`
    )
    SELECT * FROM decoded
    WHERE TRUE
    QUALIFY ROW_NUMBER() OVER (PARTITION BY tenant, request_id, redrive_count ORDER BY publish_time, message_id) = 1
  EOT

  # A cost of null is a model without a known price: counted apart, never taken for free. Tokens are those that were bought.
  daily_cost_sql = <<-EOT
    SELECT
      tenant,
      model,
      DATE(completed_at) AS day,
      COUNT(*) AS results,
      COUNTIF(status = 'failed') AS failed,
      COUNTIF(cache IN ('hit', 'coalesced')) AS from_cache,
      SUM(cost_usd) AS cost_usd,
      SUM(saved_usd) AS saved_usd,
      COUNTIF(status = 'completed' AND cost_usd IS NULL) AS unpriced,
      SUM(IF(cache IN ('miss', 'off'), prompt_tokens, 0)) AS prompt_tokens,
      SUM(IF(cache IN ('miss', 'off'), completion_tokens, 0)) AS completion_tokens
    FROM `${var.project_id}.${google_bigquery_dataset.this.dataset_id}.${google_bigquery_table.results.table_id}`
    GROUP BY tenant, model, day
  EOT
}

resource "google_bigquery_table" "results" {
  project             = var.project_id
  dataset_id          = google_bigquery_dataset.this.dataset_id
  table_id            = "results"
  description         = "One row per tenant, request_id and redrive_count: the first delivery of each result."
  deletion_protection = var.settings.protected

  view {
    query          = local.results_sql
    use_legacy_sql = false
  }
}

resource "google_bigquery_table" "daily_cost" {
  project             = var.project_id
  dataset_id          = google_bigquery_dataset.this.dataset_id
  table_id            = "daily_cost"
  description         = "What each tenant paid for each model on each day (UTC), and what the cache saved."
  deletion_protection = var.settings.protected

  view {
    query          = local.daily_cost_sql
    use_legacy_sql = false
  }
}
