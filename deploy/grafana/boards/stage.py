"""Stages of an application: when they ran, what their tasks did."""

from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from .layout import (
    HAPPENED, LAST, READ, TO_APPLICATION, Board, Query, app_variables, choice,
)  # fmt: skip
from .promql import APP_SCOPE, FLEET_SCOPE, Scope, total

STAGE_SCOPE = APP_SCOPE + ', stage_id=~"$stage_id"'
BY = "app_name, app_id, stage_id, stage_attempt_id"
LEGEND = "{{app_id}} stage {{stage_id}}.{{stage_attempt_id}}"
TOP = 20


def board():
    scope = Scope(STAGE_SCOPE)
    variables = app_variables() + [
        choice(
            "stage_id", "Stage",
            f"label_values(stagelight_spark_stage_executor_run_time_seconds{{{APP_SCOPE}}}, stage_id)",
            "`other` is what the stages add up to that have no room.",
        )
    ]  # fmt: skip
    board = Board(
        "stagelight-stage", "Stagelight / Stage",
        "Stage attempts, of running and of finished applications.",
        variables, alert_scope=APP_SCOPE,
    )  # fmt: skip

    def seen(family):
        return scope.seen(f"stagelight_spark_stage_{family}")

    def top(vector):
        return f"topk({TOP}, {vector})"

    board.row("What was chosen")
    for title, family, unit, what in (
        ("Elapsed", "elapsed_seconds", "s", "From submission to completion or, while it runs, to the last event; stage after stage."),
        ("Run time", "executor_run_time_seconds", "s", "Time that tasks ran, summed over tasks."),
        ("Input", "input_bytes", "bytes", "Bytes that tasks read from storage or from cached data."),
        ("Shuffle read", "shuffle_read_bytes", "bytes", "Bytes of shuffles that tasks read, local and remote."),
        ("Shuffle write", "shuffle_write_bytes", "bytes", "Bytes of shuffles that tasks wrote."),
        ("Output", "output_bytes", "bytes", "Bytes that tasks wrote to storage."),
    ):  # fmt: skip
        board.stat(title, f"{what} {LAST}", unit, total("", seen(family)), width=4)
    run_time = total("", seen("executor_run_time_seconds"))
    for title, family, what, alert in (
        ("CPU share", "executor_cpu_time_seconds", "Time on a CPU", ""),
        ("GC share", "jvm_gc_time_seconds", "Garbage collection", "SparkCollectsGarbage"),
        ("Fetch wait share", "shuffle_fetch_wait_time_seconds", "Waiting for blocks of shuffles", ""),
    ):  # fmt: skip
        board.stat(
            title, f"{what} over the run time of tasks. {LAST}", "percentunit",
            f"{total('', seen(family))} / {run_time}", width=4, alert=alert, decimals=1,
        )  # fmt: skip
    board.stat(
        "Spilled in memory", "Size in memory of what was spilled. " + LAST, "bytes",
        total("", seen("memory_spilled_bytes")), width=4,
    )  # fmt: skip
    board.stat(
        "Spilled to disk", "Size on disk of what was spilled. " + LAST, "bytes",
        total("", seen("disk_spilled_bytes")), width=4, about="SparkSpillsMuch",
    )  # fmt: skip
    board.stat(
        "Failed tasks", "Task attempts that failed; killed ones are not among them. " + LAST, "none",
        total("", seen("failed_tasks")), width=4, levels=[(1, "orange")],
    )  # fmt: skip

    board.row("Over time")
    board.series(
        "Stages running", "Which stage attempts ran: 1 where one ran all of the interval. " + HAPPENED,
        "none", [Query(total(BY, scope.spans()), LEGEND)], width=24, stacked=True,
        link=TO_APPLICATION,
    )  # fmt: skip
    board.series(
        "CPU", "Time on a CPU, and time that tasks ran, by the second: cores. " + HAPPENED, "none",
        [
            Query(scope.spread("stagelight_spark_stage_executor_cpu_time_seconds", ""), "on a CPU"),
            Query(scope.spread("stagelight_spark_stage_executor_run_time_seconds", ""), "running"),
        ],
    )  # fmt: skip
    board.series(
        "Shuffle and spill", "Bytes of shuffles that tasks read and wrote, and bytes that they spilled"
        " to disk, by the second. " + HAPPENED, "binBps",
        [
            Query(scope.spread("stagelight_spark_stage_shuffle_read_bytes", ""), "read"),
            Query(scope.spread("stagelight_spark_stage_shuffle_write_bytes", ""), "written"),
            Query(scope.spread("stagelight_spark_stage_disk_spilled_bytes", ""), "spilled to disk"),
        ],
    )  # fmt: skip
    board.series(
        "Waiting", "Garbage collection, and waiting for blocks of shuffles, in seconds of tasks by the"
        " second. " + HAPPENED, "none",
        [
            Query(scope.spread("stagelight_spark_stage_jvm_gc_time_seconds", ""), "garbage collection"),
            Query(scope.spread("stagelight_spark_stage_shuffle_fetch_wait_time_seconds", ""), "fetch wait"),
        ],
    )  # fmt: skip

    board.row(f"Which stages: the {TOP} with most")
    for title, family, unit, what in (
        ("Elapsed by stage", "elapsed_seconds", "s", "How long each stage attempt took."),
        ("Run time by stage", "executor_run_time_seconds", "s", "Time that the tasks of each ran."),
        ("GC by stage", "jvm_gc_time_seconds", "s", "Time in garbage collection while tasks of each ran, summed over tasks."),
        ("Shuffle write by stage", "shuffle_write_bytes", "bytes", "Bytes of shuffles that each wrote."),
        ("Spill by stage", "disk_spilled_bytes", "bytes", "Size on disk of what each spilled."),
        ("Failed tasks by stage", "failed_tasks", "none", "Task attempts of each that failed."),
    ):  # fmt: skip
        board.bars(
            title, f"{what} {LAST}", unit, top(total(BY, seen(family))), LEGEND,
            link=TO_APPLICATION,
        )  # fmt: skip

    board.row("Compared")
    named = Scope(FLEET_SCOPE)
    board.series(
        "Stage durations of this name", "How long stages of all applications of the name take: the"
        " median, and longer than 95 %, of those that were read in the interval. " + READ, "s",
        [
            Query(
                f"histogram_quantile({q}, {total('le', named.rate('stagelight_spark_stage_duration_seconds_bucket'))})",
                legend,
            )
            for q, legend in ((0.5, "median"), (0.95, "95 %"))
        ],
        width=12,
    )  # fmt: skip
    board.bars(
        "How long stages take", "All stages of the name that the lake has, by how long they took: up to"
        " so many seconds, and longer than the bar before.", "none",
        total("le", named.now("stagelight_spark_stage_duration_seconds_bucket")), "{{le}}", width=12,
        format_=PromQueryFormat.HEATMAP,
    )  # fmt: skip
    return board
