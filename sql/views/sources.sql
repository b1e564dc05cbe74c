-- A row is a segment that has been ingested: one file of a log, with what came out of it.
-- This is the ledger; Spark has no such thing.
SELECT
    uri,
    etag,
    size,
    app_id,
    NULLIF(attempt_id, '') AS attempt_id,
    segment,
    codec,
    events,
    rows,
    bytes_uncompressed,
    quarantined,
    ingested_at
FROM lake.sources
