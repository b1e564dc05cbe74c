-- A row is a line, or (line NULL) a whole file, that could not be read, with the reason.
-- The History Server logs such lines and drops them.
SELECT
    app_id,
    NULLIF(attempt_id, '') AS attempt_id,
    source,
    segment_path,
    line,
    byte_offset,
    reason,
    detail,
    raw,
    seen_at
FROM lake.quarantine
