-- A row is a stage attempt that has spilled beyond thresholds: a share of the data that it reads or
-- writes, and so many bytes on disk. How many of its tasks did is in `tasks` only.
-- Dr. Elephant, StagesAnalyzer.checkForExecutionMemorySpill: bytes spilled over the largest of
-- input, output, shuffle read and shuffle write; 0.1 is moderate, the first severity that it tells
-- of. Two things differ. It takes memory_bytes_spilled, which is 0 where Python workers spill: here
-- the larger of the two counts. It excuses stages of 3 TB and more, of which some spill is to be
-- expected: here they are shown.
-- Of what spilled, memory_bytes_spilled is the size in memory and disk_bytes_spilled the size on
-- disk, serialised and compressed: one and the same data (Spark: TaskMetrics).
WITH sized AS (
    SELECT
        *,
        greatest(memory_bytes_spilled, disk_bytes_spilled) AS bytes_spilled,
        greatest(input_bytes, output_bytes, shuffle_read_bytes, shuffle_write_bytes) AS data_bytes
    FROM stage_summary
    WHERE disk_bytes_spilled > 0
),
compared AS (
    SELECT
        *,
        -- What neither reads nor writes anything that is counted has no share.
        CAST(bytes_spilled AS DOUBLE) / NULLIF(data_bytes, 0) AS spill_ratio,
        CAST(disk_bytes_spilled AS DOUBLE) / NULLIF(shuffle_read_bytes + shuffle_write_bytes, 0)
            AS disk_shuffle_ratio
    FROM sized
)
SELECT
    app_id,
    attempt_id,
    app_name,
    stage_id,
    stage_attempt_id,
    name,
    status,
    duration_ms,
    num_tasks,
    memory_bytes_spilled,
    disk_bytes_spilled,
    data_bytes,
    spill_ratio,
    shuffle_read_bytes,
    shuffle_write_bytes,
    disk_shuffle_ratio
FROM compared
WHERE coalesce(
        spill_ratio > (SELECT value FROM thresholds WHERE name = 'spill_ratio'),
        true)
    AND disk_bytes_spilled >= (
        SELECT value FROM thresholds WHERE name = 'spill_min_disk_bytes')
