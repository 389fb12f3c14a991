locals {
  results_name = "`${var.project_id}.${google_bigquery_dataset.this.dataset_id}.${google_bigquery_table.results.table_id}`"

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

  # A cost of null is a model without a known price: counted apart, never taken for free. Tokens are those that were bought. An answer
  # that a cascade's check refused was bought of its own model, and so was what was asked to find a similar question's: once, though the results of later redrives tell of it too.
  daily_cost_sql = <<-EOT
    WITH beside AS (
      SELECT tenant, request_id, redrive_count, DATE(completed_at) AS day, 'cascade' AS kind, nth, rung
      FROM ${local.results_name}, UNNEST(JSON_QUERY_ARRAY(data, '$.cascade')) AS rung WITH OFFSET AS nth
      UNION ALL
      SELECT tenant, request_id, redrive_count, DATE(completed_at) AS day, 'similar' AS kind, nth, rung
      FROM ${local.results_name}, UNNEST(JSON_QUERY_ARRAY(data, '$.similar.calls')) AS rung WITH OFFSET AS nth
    ),
    first_told AS (
      SELECT *, ROW_NUMBER() OVER (PARTITION BY tenant, request_id, kind, nth ORDER BY redrive_count) AS told
      FROM beside
    ),
    bought AS (
      SELECT
        tenant,
        model,
        DATE(completed_at) AS day,
        1 AS results,
        IF(status = 'failed', 1, 0) AS failed,
        IF(cache IN ('hit', 'coalesced', 'similar'), 1, 0) AS from_cache,
        IF(JSON_QUERY(data, '$.cost.breakdown.answer_usd') IS NULL, cost_usd, CAST(JSON_VALUE(data, '$.cost.breakdown.answer_usd') AS FLOAT64)) AS own_usd,
        saved_usd,
        status = 'completed' AS priceable,
        IF(cache IN ('miss', 'off'), prompt_tokens, 0) AS prompt_tokens,
        IF(cache IN ('miss', 'off'), completion_tokens, 0) AS completion_tokens
      FROM ${local.results_name}
      UNION ALL
      SELECT
        tenant,
        JSON_VALUE(rung, '$.model') AS model,
        day,
        0 AS results,
        0 AS failed,
        0 AS from_cache,
        CAST(JSON_VALUE(rung, '$.usd') AS FLOAT64) AS own_usd,
        0 AS saved_usd,
        TRUE AS priceable,
        CAST(JSON_VALUE(rung, '$.usage.prompt_tokens') AS INT64) AS prompt_tokens,
        CAST(JSON_VALUE(rung, '$.usage.completion_tokens') AS INT64) AS completion_tokens
      FROM first_told
      WHERE told = 1
    )
    SELECT
      tenant,
      model,
      day,
      SUM(results) AS results,
      SUM(failed) AS failed,
      SUM(from_cache) AS from_cache,
      SUM(own_usd) AS cost_usd,
      SUM(saved_usd) AS saved_usd,
      COUNTIF(priceable AND own_usd IS NULL) AS unpriced,
      SUM(prompt_tokens) AS prompt_tokens,
      SUM(completion_tokens) AS completion_tokens
    FROM bought
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
