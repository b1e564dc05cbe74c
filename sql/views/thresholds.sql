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
    ), (
        'spill_ratio',
        0.1,
        'ratio',
        '`spill`: a stage has spilled more than this share of what it reads or writes. Dr. Elephant.'
    ), (
        'spill_min_disk_bytes',
        104857600.0,
        'bytes',
        '`spill`: a stage has spilled at least so much to disk. Ours, 100 MiB.'
    ), (
        'skew_ratio',
        4.0,
        'ratio',
        '`skew`: a task has run for more than so many medians. Dr. Elephant; DataFlint has 10.'
    ), (
        'skew_min_duration',
        5.0,
        'seconds',
        '`skew`: a task has run for longer than that. DataFlint; Dr. Elephant has 150.'
    ), (
        'straggler_multiplier',
        3.0,
        'ratio',
        '`stragglers`: a task lasts for more than so many medians. Spark 4; 1.5 before.'
    ), (
        'straggler_quantile',
        0.9,
        'ratio',
        '`stragglers`: this share of the tasks of its stage has succeeded. Spark 4; 0.75 before.'
    ), (
        'straggler_min_duration',
        0.1,
        'seconds',
        '`stragglers`: a task lasts for longer than that. Spark.'
    ), (
        'slow_rate_ratio',
        0.75,
        'ratio',
        '`skew`, `stragglers`: who reads records at less than this share of the rate of others is slow.'
    )
) AS defaults (name, value, unit, meaning)
LEFT JOIN known.thresholds AS given
    ON given.name = defaults.name
