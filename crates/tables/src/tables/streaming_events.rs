//! Streaming queries.

use stagelight_eventlog::Items;

use crate::column::{
    Column, EVENT,
    Kind::{Int, Json, Text, TimeText},
    event,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "streaming_events",
    doc: "Start, batch, idling or end of a streaming query.",
    events: &[
        "StreamingQueryListener$QueryStartedEvent",
        PROGRESS,
        "StreamingQueryListener$QueryIdleEvent",
        "StreamingQueryListener$QueryTerminatedEvent",
    ],
    items: Items::Event,
    columns: &[
        &[EVENT],
        QUERY,
        &[
            event("name", Text, "name|progress/name", "Name of the query."),
            event("time", TimeText, "timestamp|progress/timestamp", "When it happened or began.")
                .moment(),
            event("exception", Text, "exception", "Why the query ended; NULL if it was stopped."),
            event("error_class", Text, "errorClassOnException", "Spark's name of that error."),
            event("batch_duration_ms", Int, "progress/batchDuration", "Time that the batch took."),
            event("event_time_min", TimeText, "progress/eventTime/min", "Least event time seen."),
            event("event_time_avg", TimeText, "progress/eventTime/avg", "Mean event time seen."),
            event("event_time_max", TimeText, "progress/eventTime/max", "Greatest event time."),
            event("watermark", TimeText, "progress/eventTime/watermark", "Watermark of the batch."),
            event("sink", Text, "progress/sink/description", "Where its rows go."),
            event(
                "num_output_rows",
                Int,
                "progress/sink/numOutputRows",
                "Rows written; -1 if unknown.",
            ),
            event("sink_metrics", Json, "progress/sink/metrics", "What the sink says of itself."),
            event("observed_metrics", Json, "progress/observedMetrics", "Metrics of `observe`."),
        ],
    ],
};

/// The event that tells of a batch.
pub(crate) const PROGRESS: &str = "StreamingQueryListener$QueryProgressEvent";

/// Which batch of which run of which query a row is of.
pub(crate) const QUERY: &[Column] = &[
    event("query_id", Text, "id|progress/id", "The query, the same when it is started again."),
    event("run_id", Text, "runId|progress/runId", "This run of it."),
    event("batch_id", Int, "progress/batchId", "The batch, from 0."),
];
