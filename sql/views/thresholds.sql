-- A row is a number from which on views judge, or a price, which is NULL until it is given.
-- `--threshold NAME=VALUE` sets another. Those of `findings` that are named after a rule and a severity
-- are declared in findings_rules.
--
-- shared
SELECT
    defaults.name,
    coalesce(given.value, defaults.value) AS value,
    defaults.unit,
    defaults.meaning
FROM (
    SELECT *
    FROM (
        VALUES (
            'lost_after',
            86400.0,
            'seconds',
            'An application without an end, of which so long nothing was heard, is lost.'
        ), (
            'queryable_within',
            600.0,
            'seconds',
            '`stagelight doctor`: what Spark writes is wanted in the lake within so long. Ours.'
        ), (
            'spill_ratio',
            0.1,
            'ratio',
            '`spill`: a stage spills more than this share of what it reads or writes. Dr. Elephant.'
        ), (
            'spill_min_disk_bytes',
            104857600.0,
            'bytes',
            '`spill`, `findings`: a stage spills so much to disk at least. Ours, 100 MiB.'
        ), (
            'skew_ratio',
            4.0,
            'ratio',
            '`skew`: a task has run for more than so many medians. Dr. Elephant; DataFlint has 10.'
        ), (
            'skew_min_duration',
            5.0,
            'seconds',
            '`skew`, `findings`: a task has run for longer than that. DataFlint; Dr. Elephant has 150.'
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
            '`skew`, `stragglers`: a task reads records at less than this share of others'' rate. Spark.'
        ), (
            'gc_ratio',
            0.1,
            'ratio',
            '`gc_pressure`: more than this share of the tasks'' time is garbage collection. Spark''s UI.'
        ), (
            'gc_min_duration',
            300.0,
            'seconds',
            '`gc_pressure`: the tasks'' time is that at least. Dr. Elephant.'
        ), (
            'shuffle_min_bytes',
            1073741824.0,
            'bytes',
            '`shuffle_hotspots`: a stage reads or writes so much at least. Ours, 1 GiB.'
        ), (
            'shuffle_partition_min_bytes',
            104857600.0,
            'bytes',
            '`shuffle_hotspots`: a task that reads less is small. Common advice, 100 to 200 MiB.'
        ), (
            'shuffle_partition_max_bytes',
            209715200.0,
            'bytes',
            '`shuffle_hotspots`: a task that reads more is large. Common advice, 100 to 200 MiB.'
        ), (
            'small_file_bytes',
            3145728.0,
            'bytes',
            '`small_files`: files or tasks have less than that in the mean. DataFlint, 3 MiB.'
        ), (
            'small_file_count',
            100.0,
            'files',
            '`small_files`: there are more files or tasks than that. DataFlint.'
        ), (
            'scheduler_delay_ratio',
            0.1,
            'ratio',
            '`scheduler_delay`: more than this share of the tasks'' durations is delay. Ours.'
        ), (
            'scheduler_delay_min_duration',
            10.0,
            'seconds',
            '`scheduler_delay`: the tasks'' delays add up to that at least. Ours.'
        ), (
            'spill_max_bytes',
            3298534883328.0,
            'bytes',
            '`findings`: a stage that reads or writes so much may spill. Dr. Elephant, 3 TiB.'
        ), (
            'skew_min_stage_ratio',
            0.75,
            'ratio',
            '`findings`: the longest task takes this share of its stage at least. Dr. Elephant.'
        ), (
            'small_task_count',
            5000.0,
            'tasks',
            '`findings`: short tasks matter in a stage of more than so many. DataFlint.'
        ), (
            'single_task_min_duration',
            1200.0,
            'seconds',
            '`findings`: the only task of a stage lasts for longer than that. Compass.'
        ), (
            'slow_read_min_bytes',
            10485760.0,
            'bytes',
            '`findings`: a task reads so much at least to be slow at it. Compass, 10 MiB.'
        ), (
            'slow_read_min_duration',
            300.0,
            'seconds',
            '`findings`: a task lasts for so long at least to be slow. Compass.'
        ), (
            'job_idle_min_duration',
            300.0,
            'seconds',
            '`findings`: the job lasts for longer than that. Compass.'
        ), (
            'application_min_duration',
            300.0,
            'seconds',
            '`findings`: idle cores and speculation count in an application longer than that. Compass.'
        ), (
            'large_application_min_duration',
            1200.0,
            'seconds',
            '`findings`: scans and memory of broadcasts count in an application longer than that. Compass.'
        ), (
            'executor_min_bytes',
            104857600.0,
            'bytes',
            '`findings`: executors are compared by bytes from there on. Dr. Elephant, 100 MiB.'
        ), (
            'executor_min_duration',
            300.0,
            'seconds',
            '`findings`: executors are compared by time of tasks from there on. Dr. Elephant.'
        ), (
            'unused_min_bytes',
            2147483648.0,
            'bytes',
            '`findings`: less memory than that, or as much, is not too much. Dr. Elephant, 2 GiB.'
        ), (
            'unified_min_bytes',
            268435456.0,
            'bytes',
            '`findings`: less unified memory than that, or as much, is not too much. Dr. Elephant, 256 MiB.'
        ), (
            'regression_min_runs',
            5.0,
            'runs',
            '`regressions`: so many runs before are needed at least. Ours.'
        ), (
            'regression_max_runs',
            20.0,
            'runs',
            '`regressions`: a run is compared with so many before it at most. Ours.'
        ), (
            'regression_ratio',
            1.5,
            'ratio',
            '`regressions`: a run takes more than so many medians. Ours.'
        ), (
            'regression_min_difference',
            10.0,
            'seconds',
            '`regressions`: a time is longer than the median by more than that. Ours.'
        ), (
            'regression_min_bytes',
            104857600.0,
            'bytes',
            '`regressions`: a size is greater than the median by more than that. Ours, 100 MiB.'
        ), (
            'regression_z_score',
            3.5,
            'z-score',
            '`regressions`: a modified z-score over that is an outlier. Iglewicz and Hoaglin.'
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
    ) AS numbers (name, value, unit, meaning)
    UNION ALL
    SELECT
        concat(rules.rule, '_', severities.severity),
        CASE severities.severity
            WHEN 'low' THEN rules.low
            WHEN 'moderate' THEN rules.moderate
            WHEN 'severe' THEN rules.severe
            ELSE rules.critical
        END AS value,
        rules.unit,
        concat('`findings`: ', severities.severity, ': ', rules.meaning, '.')
    FROM findings_rules AS rules
    CROSS JOIN (VALUES ('low'), ('moderate'), ('severe'), ('critical')) AS severities (severity)
    WHERE CASE severities.severity
            WHEN 'low' THEN rules.low
            WHEN 'moderate' THEN rules.moderate
            WHEN 'severe' THEN rules.severe
            ELSE rules.critical
        END IS NOT NULL
) AS defaults
LEFT JOIN known.thresholds AS given
    ON given.name = defaults.name
