-- A row is an application attempt and what it cost at the prices that the user gives: the thresholds
-- price_per_core_hour and price_per_gib_hour. Without a price there is no cost: NULL, not 0. Where one
-- is given, cost is of that alone. The driver of a cluster and what runs beside executors is not in it.
-- Hours are those of core_usage. What was wasted takes the same part of memory as of cores, since an
-- executor has both for as long as it is there.
WITH prices AS (
    SELECT
        max(value) FILTER (WHERE name = 'price_per_core_hour') AS per_core_hour,
        max(value) FILTER (WHERE name = 'price_per_gib_hour') AS per_gib_hour
    FROM thresholds
),
priced AS (
    SELECT
        core_usage.*,
        CAST(core_usage.core_time_ms AS DOUBLE) / 3600000 AS core_hours,
        CAST(core_usage.core_time_ms AS DOUBLE) / 3600000 * prices.per_core_hour AS core_cost,
        core_usage.memory_gib_hours * prices.per_gib_hour AS memory_cost
    FROM core_usage
    CROSS JOIN prices
),
summed AS (
    SELECT
        *,
        CASE
            WHEN core_cost IS NOT NULL OR memory_cost IS NOT NULL
                THEN coalesce(core_cost, 0) + coalesce(memory_cost, 0)
        END AS cost
    FROM priced
)
SELECT
    app_id,
    attempt_id,
    core_hours,
    memory_gib_hours,
    core_cost,
    memory_cost,
    cost,
    cost * (idle_in_jobs_ratio + idle_without_jobs_ratio) AS idle_cost,
    cost * failed_ratio AS failed_cost,
    cost * killed_ratio AS killed_cost,
    cost * redone_ratio AS redone_cost,
    cost * (idle_in_jobs_ratio + idle_without_jobs_ratio
        + failed_ratio + killed_ratio + redone_ratio) AS wasted_cost
FROM summed
