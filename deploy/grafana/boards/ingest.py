"""Stagelight itself: are its numbers fresh, does it keep up, what could it not read."""

from .layout import Board, Query, choice, datasource
from .promql import alerts

SERVE = 'instance=~"$instance"'
WORKER = 'instance=~"$instance"'
NOW = "Time axis: when it was scraped."


def by_instance(function, family, window="$__rate_interval"):
    return f"sum by (instance) ({function}({family}{{{WORKER}}}[{window}]))"


def both(family, by="instance"):
    """What a worker counts, and what `watch` does under a name of its own."""
    return [
        Query(
            f"sum by ({by}) (rate(stagelight_{who}_{family}{{{WORKER}}}[$__rate_interval]))",
            who + " {{instance}}",
        )
        for who in ("worker", "watch")
    ]


def board():
    variables = [
        datasource(),
        choice(
            "instance", "Instance",
            "label_values(stagelight_build_info, instance)",
            "Processes of `stagelight serve`, `worker` and `watch`.",
        ),
    ]  # fmt: skip
    board = Board(
        "stagelight-ingest", "Stagelight / Ingest health",
        "Stagelight itself: `serve`, `worker` and `watch`.", variables,
    )  # fmt: skip
    serve = "stagelight_snapshot"

    board.row("Are the numbers fresh?")
    board.stat(
        "Serving", "Processes of `stagelight serve` that were scraped; alert StagelightDown also looks"
        " at the target's `up`.", "none",
        f"count({serve}_age_seconds{{{SERVE}}}) or vector(0)", levels=[(1, "green")], base="red", width=3,
        alert="StagelightDown",
    )  # fmt: skip
    board.stat(
        "Age of the metrics now", "The oldest snapshot of the lake that metrics come from.", "s",
        f"max({serve}_age_seconds{{{SERVE}}})", alert="StagelightMetricsStale",
    )  # fmt: skip
    board.stat(
        "Since the last event", "Time since the last event of any application in --metrics-window:"
        " how late the numbers are, or how long nothing ran.", "s",
        "time() - max(stagelight_spark_application_last_event_timestamp_seconds)",
    )  # fmt: skip
    board.stat(
        "Series of Spark", "Of all `serve`, the most.", "none", f"max({serve}_series{{{SERVE}}})", width=3,
    )
    board.stat(
        "Series dropped now", "Series that had no room, and are summed up under `other` or left out.",
        "none", f"max(sum by (instance) ({serve}_dropped_series{{{SERVE}}}))",
        width=3, levels=[(1, "orange")], alert="StagelightSeriesDropped",
    )  # fmt: skip
    board.stat(
        "Families failed", "Metrics of --metrics-dir that could not be computed.", "none",
        f"max({serve}_failed_families{{{SERVE}}})", width=3, levels=[(1, "red")],
        alert="StagelightMetricsFail",
    )  # fmt: skip
    board.stat(
        "Applications left out", "Applications that want more than --memory-mib: counters and histograms have not all of them.",
        "none", f"max({serve}_left_out_applications{{{SERVE}}})", levels=[(1, "red")],
        alert="StagelightApplicationsLeftOut",
    )  # fmt: skip
    board.series(
        "Age of the metrics", "How old the snapshot is that each `serve` answers from. " + NOW, "s",
        [Query(f"{serve}_age_seconds{{{SERVE}}}", "{{instance}}")], alert="StagelightMetricsStale",
    )  # fmt: skip
    board.series(
        "Computing the metrics", "Time that it took to compute the snapshot. " + NOW, "s",
        [Query(f"{serve}_compute_seconds{{{SERVE}}}", "{{instance}}")],
    )  # fmt: skip
    board.series(
        "Series dropped, by family", "Those that had no room. Raise --max-series, or shorten --metrics-window. " + NOW, "none",
        [Query(
            f"max by (family) ({serve}_dropped_series{{{SERVE}}}) > 0 or max({serve}_dropped_series{{{SERVE}}})",
            "{{family}}",
        )],
        alert="StagelightSeriesDropped",
    )  # fmt: skip

    board.row("Does it keep up?")
    board.series(
        "Queue", "Messages of the queue: those that wait, and those that workers hold. Each worker"
        " asks, so the greatest answer. " + NOW, "none",
        [
            Query(f"max(stagelight_worker_queue_visible_messages{{{WORKER}}})", "waiting"),
            Query(f"max(stagelight_worker_queue_in_flight_messages{{{WORKER}}})", "held"),
        ],
    )  # fmt: skip
    board.series(
        "Oldest message", "Time since the message was received that a worker holds longest. " + NOW,
        "s", [Query(f"stagelight_worker_oldest_message_age_seconds{{{WORKER}}}", "{{instance}}")],
        alert="StagelightIngestLags",
    )  # fmt: skip
    board.series(
        "Event to queryable", "Time from the event of an object, or the change of a file, to its rows"
        " being queryable: the median, and 95 %. " + NOW, "s",
        [
            Query(
                f"histogram_quantile({q}, sum by (le) (rate({family}_bucket{{{WORKER}}}[$__rate_interval])))",
                f"{who}, {name}",
            )
            for who, family in (
                ("worker", "stagelight_worker_event_to_queryable_seconds"),
                ("watch", "stagelight_watch_modified_to_queryable_seconds"),
            )
            for q, name in ((0.5, "median"), (0.95, "95 %"))
        ],
    )  # fmt: skip
    board.series(
        "Messages", "Messages of the queue, a second, by what became of them. " + NOW, "ops",
        [Query(f"sum by (outcome) (rate(stagelight_worker_messages_total{{{WORKER}}}[$__rate_interval]))", "{{outcome}}")],
        stacked=True,
    )  # fmt: skip
    board.series(
        "Segments", "Segments of event logs that were read, a second. " + NOW, "ops",
        both("segments_total"),
    )  # fmt: skip
    board.series(
        "Bytes read", "Bytes of event logs, as they are stored, a second. " + NOW, "binBps",
        both("read_bytes_total"),
    )  # fmt: skip
    board.series(
        "Bytes decoded", "Bytes of event logs, decompressed, a second. " + NOW, "binBps",
        both("decoded_bytes_total"),
    )  # fmt: skip
    board.series(
        "Events", "Events that were read, a second. " + NOW, "ops", both("events_total")
    )
    board.series(
        "Rows", "Rows that were written, a second. " + NOW, "ops", both("rows_total")
    )

    board.row("What goes wrong?")
    board.series(
        "Quarantine", "Lines and files that could not be read, an hour:"
        " `SELECT * FROM quarantine ORDER BY seen_at DESC`. " + NOW, "none",
        [
            Query(f"3600 * {query.expr}", query.legend)
            for query in both("quarantined_rows_total")
        ],
        alert="StagelightQuarantined",
    )  # fmt: skip
    board.series(
        "Commits", "Groups of segments that were committed, a second, and commits that another writer"
        " was faster than. " + NOW, "ops",
        [
            *both("commits_total"),
            *(Query(q.expr, "conflicts " + q.legend) for q in both("commit_conflicts_total")),
        ],
    )  # fmt: skip
    board.series(
        "Messages not kept", "Requests to keep messages hidden that failed, and messages that were lost"
        " to another worker so: they are read once more, and nothing is there twice. " + NOW, "ops",
        [
            Query(by_instance("rate", "stagelight_worker_extension_failures_total"), "failed {{instance}}"),
            Query(by_instance("rate", "stagelight_worker_leases_lost_total"), "lost {{instance}}"),
        ],
    )  # fmt: skip
    board.series(
        "Found by a sweep", "Segments, or files, that a sweep has found and no event has announced, a"
        " second. Many: events do not come. " + NOW, "ops",
        [
            Query(by_instance("rate", "stagelight_worker_swept_segments_total"), "worker {{instance}}"),
            Query(by_instance("rate", "stagelight_watch_swept_places_total"), "watch {{instance}}"),
        ],
    )  # fmt: skip
    board.series(
        "Requests", "Requests to `serve`, `worker` and `watch`, a second, by path and status code. " + NOW, "reqps",
        [Query(f"sum by (path, code) (rate(stagelight_http_requests_total{{{SERVE}}}[$__rate_interval]))", "{{path}} {{code}}")],
    )  # fmt: skip
    board.bars(
        "Versions", "Which versions serve.", "none",
        f"count by (version) (stagelight_build_info{{{SERVE}}})", "{{version}}",
    )  # fmt: skip
    board.alert_states(
        [name for name in alerts() if name.startswith("Stagelight")], ("instance", "family")
    )
    return board
