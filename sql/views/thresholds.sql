-- A row is a number from which on views judge. `--threshold NAME=VALUE` sets another.
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
    )
) AS defaults (name, value, unit, meaning)
LEFT JOIN known.thresholds AS given
    ON given.name = defaults.name
