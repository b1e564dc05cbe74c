-- A row is a segment that has been ingested: one file of a log, with what came out of it. Its rows
-- count (state `counted`), unless other files have the same events: a copy of the log in another
-- place, a file under its finished name (`repeated`), or what it was compacted of or into
-- (`compacted`).
-- This is the ledger; Spark has no such thing.
SELECT
    sources.uri,
    sources.etag,
    sources.size,
    sources.modified_at,
    sources.app_id,
    NULLIF(sources.attempt_id, '') AS attempt_id,
    sources.segment,
    sources.layout,
    standings.state,
    sources.codec,
    sources.events,
    sources.rows,
    sources.bytes_uncompressed,
    sources.quarantined,
    sources.ingested_at,
    sources.last_event_time
FROM lake.sources AS sources
JOIN known.standings AS standings
    ON standings.uri = sources.uri AND standings.etag = sources.etag
-- A later version of a file takes the place of this one.
WHERE standings.state <> 'replaced'
