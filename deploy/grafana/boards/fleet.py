"""All applications: how many run, what fails, which to look at."""

from .layout import (
    HAPPENED, LAST, READ, SCRAPED, TO_APPLICATION, TO_EXECUTORS, TO_NAME, Board, Column, Query,
    fleet_variables,
)  # fmt: skip
from .promql import FLEET_SCOPE, Scope, alerts, greatest, total

KEYS = ("cluster", "namespace", "app_name", "app_id")


def board():
    scope = Scope(FLEET_SCOPE)
    by = ", ".join(KEYS)
    status = "stagelight_spark_application_status"
    board = Board(
        "stagelight-fleet", "Stagelight / Fleet", "All Spark applications of the lake.",
        fleet_variables(), alert_scope=FLEET_SCOPE,
    )  # fmt: skip

    def ended_badly(which):
        return f'count({scope.seen(status, f"""status="{which}" """.strip())} == 1) or vector(0)'

    def tasks(where, window):
        return total("", window("stagelight_spark_tasks_total", where))

    board.row("Now, and in the time range")
    board.stat(
        "Running", "Applications that have begun and not ended, and of which something was heard"
        " within a day (threshold lost_after).",
        "none", f"""{total("", scope.now(status, 'status="running"'))} or vector(0)""",
    )  # fmt: skip
    board.stat(
        "Failed", "Applications that ended with another exit code than 0. " + LAST,
        "none", ended_badly("failed"), levels=[(1, "red")], alert="SparkApplicationFailed",
    )  # fmt: skip
    board.stat(
        "Lost", "Applications whose driver has written no end, and of which nothing was heard for"
        " long. " + LAST,
        "none", ended_badly("lost"), levels=[(1, "red")], alert="SparkApplicationLost",
    )  # fmt: skip
    board.stat(
        "Jobs running now", "Jobs of all applications in --metrics-window that have not ended.", "none",
        total("", scope.now("stagelight_spark_application_jobs", 'status="running"'))
        + " or vector(0)",
    )  # fmt: skip
    board.stat(
        "Tasks running now", "Task attempts that have begun and not ended.", "none",
        total("", scope.now("stagelight_spark_application_tasks", 'status="running"'))
        + " or vector(0)",
    )  # fmt: skip
    core_time = "stagelight_spark_application_core_time_seconds"
    board.stat(
        "Core hours", "Core time of the executors of all applications that were in --metrics-window"
        " in the time range, from their first to their last event. " + LAST,
        "none", f"{total('', scope.seen(core_time))} / 3600", decimals=1,
    )  # fmt: skip

    board.row("Over time")
    board.series(
        "Applications running", "How many ran, by namespace. " + HAPPENED, "none",
        [Query(total("cluster, namespace", scope.app_spans()), "{{cluster}} {{namespace}}")],
        stacked=True,
    )  # fmt: skip
    board.series(
        "Cores by what became of their time", "Cores of all executors: busy, idle while a job ran,"
        " idle while none did; each application's average over its run. " + HAPPENED, "none",
        [Query(scope.core_spread("state"), "{{state}}")], stacked=True,
    )  # fmt: skip
    board.series(
        "Jobs running", "Jobs of all applications that have not ended. " + SCRAPED, "none",
        [Query(
            total("namespace", scope.now("stagelight_spark_application_jobs", 'status="running"')),
            "running {{namespace}}",
        )],
    )  # fmt: skip
    board.series(
        "Jobs finished", "Jobs that ended, a minute, by how. " + READ, "opm",
        [Query(f"60 * {total('status', scope.rate('stagelight_spark_jobs_total'))}", "{{status}}")],
    )  # fmt: skip
    board.series(
        "Applications finished", "Applications that ended, an hour, by how. " + READ, "none",
        [Query(
            f"3600 * {total('status', scope.rate('stagelight_spark_applications_total'))}",
            "{{status}} an hour",
        )],
    )  # fmt: skip
    board.series(
        "Tasks finished", "Task attempts that ended, a second, by how. " + READ, "ops",
        [Query(total("status", scope.rate("stagelight_spark_tasks_total")), "{{status}}")],
    )  # fmt: skip

    board.row("What goes wrong")
    failed, ended = ('status="failed"', 'status=~"success|failed"')
    board.series(
        "Failed tasks", "Share of the task attempts that ended which failed, by application. " + READ,
        "percentunit",
        [Query(
            f"{total('app_name', scope.rate('stagelight_spark_tasks_total', failed))}"
            f" / {total('app_name', scope.rate('stagelight_spark_tasks_total', ended))}",
            "{{app_name}}",
        )],
        alert="SparkTasksFail", link=TO_NAME,
    )  # fmt: skip
    board.bars(
        "Failures by cause", "Failures in the time range, by what failed and by the class of the cause"
        " (view `failure_causes` says more); of the applications that are, or were, in"
        " --metrics-window. " + LAST, "none",
        total("kind, cause_class", scope.seen("stagelight_spark_application_failures")),
        "{{kind}}: {{cause_class}}", levels=[(1, "orange")],
    )  # fmt: skip
    board.series(
        "Failures", "Failures, an hour, by the class of the cause. " + READ, "none",
        [Query(
            f"3600 * {total('cause_class', scope.rate('stagelight_spark_failures_total'))}",
            "{{cause_class}} an hour",
        )],
    )  # fmt: skip
    board.alert_states(
        [name for name in alerts() if name.startswith("Spark")], KEYS, [TO_NAME, TO_APPLICATION]
    )

    board.row("Durations")
    for kind, family in (
        ("Stages", "stagelight_spark_stage_duration_seconds"),
        ("Jobs", "stagelight_spark_job_duration_seconds"),
        ("Applications", "stagelight_spark_application_duration_seconds"),
    ):
        buckets = total("le", scope.increase(family + "_bucket"))
        board.stat(
            f"{kind}: median", f"Half of the {kind.lower()} that were read in the time range took"
            " no longer; from a histogram, so about.",
            "s", f"histogram_quantile(0.5, {buckets})", width=4, decimals=1,
        )  # fmt: skip
        board.stat(
            f"{kind}: 95 %", f"Of the {kind.lower()} that were read in the time range, 95 % took no"
            " longer; from a histogram, so about.",
            "s", f"histogram_quantile(0.95, {buckets})", width=4, decimals=1,
        )  # fmt: skip
    board.series(
        "Stages of 95 %", "How long a stage takes that is longer than 95 % of those of its application"
        " in the hour before. " + READ, "s",
        [Query(
            f"max by (app_name) (stagelight_spark:stage_duration_seconds:p95_1h{{{FLEET_SCOPE}}})",
            "{{app_name}}",
        )],
        width=12, link=TO_NAME,
    )  # fmt: skip
    board.bars(
        "Longer than before", "How long the applications took over the median of the runs of the same"
        " name before, where there are five at least. " + LAST, "none",
        f"topk(10, {greatest('app_name, app_id', scope.seen('stagelight_spark_application_elapsed_to_median_ratio'))})",
        "{{app_name}} {{app_id}}", width=12, alert="SparkRunRegressed", link=TO_APPLICATION,
    )  # fmt: skip

    board.row("Applications")
    board.table(
        "Applications", "Those that were in --metrics-window at some time of the range. " + LAST
        + " A click on a name or an id leads on.", KEYS,
        [
            Column("Status", total(by + ", status", f"{scope.seen(status)} == 1"), label="status"),
            Column("Started", f"1000 * {greatest(by, scope.seen('stagelight_spark_application_start_timestamp_seconds'))}", "dateTimeAsIso"),
            Column("Elapsed", greatest(by, scope.seen("stagelight_spark_application_elapsed_seconds")), "s"),
            Column("To median", greatest(by, scope.seen("stagelight_spark_application_elapsed_to_median_ratio")), "none", alert="SparkRunRegressed"),
            Column("Core hours", f"{total(by, scope.seen(core_time))} / 3600", "none"),
            Column("Idle", f"""{total(by, scope.seen(core_time, 'state=~"idle_.*"'))} / {total(by, scope.seen(core_time))}""", "percentunit", alert="SparkCoresIdle"),
            Column("Failed tasks", total(by, scope.seen("stagelight_spark_application_tasks", failed)), "none", ((1, "orange"),)),
            Column("GC", f"{total(by, scope.seen('stagelight_spark_stage_jvm_gc_time_seconds'))} / {total(by, scope.seen('stagelight_spark_stage_executor_run_time_seconds'))}", "percentunit", alert="SparkCollectsGarbage"),
            Column("Spilled to disk", total(by, scope.seen("stagelight_spark_stage_disk_spilled_bytes")), "bytes"),
            Column("Shuffle write", total(by, scope.seen("stagelight_spark_stage_shuffle_write_bytes")), "bytes"),
        ],
        height=12, sort="Started", links=[TO_NAME, TO_APPLICATION, TO_EXECUTORS],
    )  # fmt: skip
    return board
