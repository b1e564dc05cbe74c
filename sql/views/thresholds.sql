-- A row is a number from which on views judge, or a price, which is NULL until it is given.
-- `--threshold NAME=VALUE` sets another.
SELECT
    defaults.name,
    coalesce(given.value, defaults.value) AS value,
    defaults.unit,
    defaults.meaning
FROM (
    VALUES (
        'lost_after',
        86400.0,
        'seconds',
        'An application without an end, of which so long nothing was heard, is lost.'
    ), (
        'price_per_core_hour',
        CAST(NULL AS DOUBLE),
        'currency per core-hour',
        'What a core of an executor costs in an hour; yours to give, in any currency.'
    ), (
        'price_per_gib_hour',
        CAST(NULL AS DOUBLE),
        'currency per GiB-hour',
        'What a GiB of memory of an executor costs in an hour; yours to give, in any currency.'
    )
) AS defaults (name, value, unit, meaning)
LEFT JOIN known.thresholds AS given
    ON given.name = defaults.name
