-- family: stagelight_spark_core_hour_price
-- type: gauge
-- help: What a core costs for an hour, as the threshold price_per_core_hour says; without it there is no series.
-- unit: 1
-- budget: 1
-- rest: none
SELECT value FROM thresholds WHERE name = 'price_per_core_hour'
