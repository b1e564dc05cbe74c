-- A row is an application attempt, a node of a SQL plan of it and a rule of `findings`, which this is
-- part of, whose number can be told of the node. What is said and advised holds where the number has
-- reached a level.
-- DataFlint counts the rows that a cross join compares, with a metric of its own; Spark's is of the rows
-- that come out. Of a condition Spark may have left out what is beyond spark.sql.maxMetadataStringLength
-- or spark.sql.debug.maxToStringFields.
WITH broadcasts AS (
    SELECT
        app_id,
        attempt_id,
        execution_id,
        count(*) AS num_broadcasts,
        sum(data_bytes) AS data_bytes
    FROM findings_nodes
    WHERE node_name = 'BroadcastExchange' AND data_bytes > 0
    GROUP BY app_id, attempt_id, execution_id
)
SELECT
    app_id,
    attempt_id,
    'sql_files_read' AS rule,
    CAST(bytes_read AS DOUBLE) / files_read AS value,
    CAST(NULL AS BIGINT) AS stage_id,
    CAST(NULL AS BIGINT) AS stage_attempt_id,
    concat(
        'SQL execution ', execution_id, ' reads ', files_read, ' files of ',
        bytes(bytes_read / files_read), ' in the mean (', node_name, ').') AS evidence,
    'Have the data written in larger files, or compacted; a larger '
    || 'spark.sql.files.openCostInBytes packs fewer of them into a task.' AS advice
FROM findings_nodes
WHERE files_read > (SELECT value FROM thresholds WHERE name = 'small_file_count')
    AND bytes_read > 0
UNION ALL
SELECT
    app_id,
    attempt_id,
    'sql_files_written',
    CAST(bytes_written AS DOUBLE) / files_written,
    NULL,
    NULL,
    concat(
        'SQL execution ', execution_id, ' writes ', files_written, ' files of ',
        bytes(bytes_written / files_written), ' in the mean (', node_name, ').'),
    'Repartition before writing, by the columns of partitionBy if there are any; fewer '
    || 'spark.sql.shuffle.partitions.'
FROM findings_nodes
WHERE files_written > (SELECT value FROM thresholds WHERE name = 'small_file_count')
    AND bytes_written > 0
UNION ALL
SELECT
    app_id,
    attempt_id,
    'sql_broadcast',
    CAST(data_bytes AS DOUBLE),
    NULL,
    NULL,
    concat('SQL execution ', execution_id, ' broadcasts ', bytes(data_bytes), '.'),
    'Lower spark.sql.autoBroadcastJoinThreshold, or take the hint off a table that has grown.'
FROM findings_nodes
WHERE node_name = 'BroadcastExchange'
UNION ALL
SELECT
    broadcasts.app_id,
    broadcasts.attempt_id,
    'sql_broadcast_memory',
    CAST(broadcasts.data_bytes AS DOUBLE) / applications.driver_memory,
    NULL,
    NULL,
    concat(
        'SQL execution ', broadcasts.execution_id, ' broadcasts ',
        bytes(broadcasts.data_bytes), ' in ', broadcasts.num_broadcasts,
        ' tables; spark.driver.memory is ', bytes(applications.driver_memory), '.'),
    'Raise spark.driver.memory, or lower spark.sql.autoBroadcastJoinThreshold.'
FROM broadcasts
JOIN findings_applications AS applications
    ON applications.app_id = broadcasts.app_id
    AND coalesce(applications.attempt_id, '') = coalesce(broadcasts.attempt_id, '')
WHERE applications.driver_memory > 0
    AND applications.duration_ms > 1000 * (
        SELECT value FROM thresholds WHERE name = 'large_application_min_duration')
UNION ALL
SELECT
    app_id,
    attempt_id,
    'sql_cross_join',
    CAST(output_rows AS DOUBLE),
    NULL,
    NULL,
    concat('SQL execution ', execution_id, ' makes ', output_rows, ' rows in ', node_name, '.'),
    'Give the join a condition with an equality, or make its sides smaller before; '
    || 'spark.sql.crossJoin.enabled=false refuses joins without a condition.'
FROM findings_nodes
WHERE node_name IN ('BroadcastNestedLoopJoin', 'CartesianProduct')
UNION ALL
SELECT
    nodes.app_id,
    nodes.attempt_id,
    'sql_large_scan',
    CAST(nodes.output_rows AS DOUBLE),
    NULL,
    NULL,
    concat(
        'SQL execution ', nodes.execution_id, ' reads ', nodes.output_rows, ' rows (',
        nodes.node_name, ').'),
    'Read less: filter by partitions, or cluster the table by what is asked for; '
    || 'spark.sql.optimizer.dynamicPartitionPruning.enabled helps joins.'
FROM findings_nodes AS nodes
JOIN findings_applications AS applications
    ON applications.app_id = nodes.app_id
    AND coalesce(applications.attempt_id, '') = coalesce(nodes.attempt_id, '')
WHERE nodes.node_name LIKE 'Scan%'
    AND applications.duration_ms > 1000 * (
        SELECT value FROM thresholds WHERE name = 'large_application_min_duration')
UNION ALL
SELECT
    app_id,
    attempt_id,
    'sql_long_filter',
    CAST(character_length(description) - character_length('Filter ') AS DOUBLE),
    NULL,
    NULL,
    concat(
        'SQL execution ', execution_id, ' has a filter of ',
        character_length(description) - character_length('Filter '), ' characters.'),
    'Join with a table of the values instead of listing them; '
    || 'spark.sql.optimizer.inSetConversionThreshold is where a list becomes a set.'
FROM sql_plan_nodes
WHERE is_last_version AND node_name = 'Filter'
