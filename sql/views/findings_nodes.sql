-- A row is a node of the last plan of a SQL execution, with those of its metrics that the rules of
-- `findings`, which this is part of, want to know.
--
-- shared
SELECT
    app_id,
    attempt_id,
    execution_id,
    node_id,
    max(node_name) AS node_name,
    max(value) FILTER (WHERE metric_name = 'number of files read') AS files_read,
    max(value) FILTER (WHERE metric_name = 'size of files read') AS bytes_read,
    max(value) FILTER (WHERE metric_name = 'number of written files') AS files_written,
    max(value) FILTER (WHERE metric_name = 'written output') AS bytes_written,
    max(value) FILTER (WHERE metric_name = 'data size') AS data_bytes,
    max(value) FILTER (WHERE metric_name = 'number of output rows') AS output_rows
FROM sql_metrics
WHERE metric_name IN (
    'number of files read', 'size of files read', 'number of written files', 'written output',
    'data size', 'number of output rows')
GROUP BY app_id, attempt_id, execution_id, node_id
