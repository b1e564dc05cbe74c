"""One application, or the runs of one: how far it is, what its time goes to, which stages."""

from .layout import (
    HAPPENED, LAST, SCRAPED, TO_EXECUTORS, TO_STAGE, Board, Column, Query, app_variables,
)  # fmt: skip
from .promql import APP_SCOPE, Scope, alerts, greatest, total

STAGE_KEYS = ("app_name", "app_id", "stage_id", "stage_attempt_id")


def share(scope, part, whole, by=""):
    return f"{total(by, scope.seen(part))} / {total(by, scope.seen(whole))}"


def board():
    scope = Scope(APP_SCOPE)
    status = "stagelight_spark_application_status"
    run_time = "stagelight_spark_stage_executor_run_time_seconds"
    gc_time = "stagelight_spark_stage_jvm_gc_time_seconds"
    core_time = "stagelight_spark_application_core_time_seconds"
    spilled = "stagelight_spark_stage_disk_spilled_bytes"
    board = Board(
        "stagelight-application", "Stagelight / Application",
        "An application, running or finished; of several, what they add up to.",
        app_variables(), alert_scope=APP_SCOPE,
    )  # fmt: skip

    board.row("The run")
    board.stat(
        "Status", "Of the application that began last. " + LAST, "none",
        f"topk(1, ({scope.seen(status)} == 1)"
        " * on (cluster, namespace, app_name, app_id, attempt_id) group_left ()"
        f" {scope.seen('stagelight_spark_application_start_timestamp_seconds')})",
        text=True, legend="{{status}}", alert="SparkApplicationFailed",
    )  # fmt: skip
    board.stat(
        "Started", "The last that began. " + LAST, "dateTimeAsIso",
        f"1000 * {greatest('', scope.seen('stagelight_spark_application_start_timestamp_seconds'))}",
        width=5,
    )  # fmt: skip
    board.stat(
        "Elapsed", "From start to end or, while it runs, to its last event; of several, the longest. "
        + LAST, "s", greatest("", scope.seen("stagelight_spark_application_elapsed_seconds")),
        width=3,
    )  # fmt: skip
    board.stat(
        "To median", "How long it took over the median of the runs of the same name before; none"
        " where there are fewer than five. " + LAST, "none",
        greatest("", scope.seen("stagelight_spark_application_elapsed_to_median_ratio")),
        width=3, alert="SparkRunRegressed", decimals=2,
    )  # fmt: skip
    board.stat(
        "Failed jobs", "Jobs that failed. " + LAST, "none",
        total("", scope.seen("spark_driver_DAGScheduler_job_allJobs", 'status="failed"')),
        width=3, levels=[(1, "orange")], alert="SparkJobFailed",
    )  # fmt: skip
    board.stat(
        "GC share so far", "Time in garbage collection over the time that tasks ran. " + LAST, "percentunit",
        share(scope, gc_time, run_time), width=3, alert="SparkCollectsGarbage", decimals=1,
    )  # fmt: skip
    board.stat(
        "Spill to shuffle", "Bytes that were spilled to disk over bytes of shuffles written. " + LAST,
        "none", share(scope, spilled, "stagelight_spark_stage_shuffle_write_bytes"),
        width=3, alert="SparkSpillsMuch", decimals=2,
    )  # fmt: skip

    board.row("Jobs, stages and tasks")
    for title, family, what in (
        ("Jobs, active and finished", "stagelight_spark_application_jobs", "Jobs"),
        ("Stages so far", "stagelight_spark_application_stages", "Stage attempts"),
        ("Tasks so far", "stagelight_spark_application_tasks", "Task attempts"),
    ):
        board.series(
            title, f"{what} so far, by their status then. " + SCRAPED, "none",
            [Query(total("status", scope.now(family)), "{{status}}")],
            about="SparkTasksFail" if what == "Task attempts" else "",
        )  # fmt: skip
    board.series(
        "Stages running", "How many stage attempts ran. " + HAPPENED, "none",
        [Query(total("app_name", scope.spans()), "{{app_name}}")],
    )  # fmt: skip
    board.bars(
        "Task distribution", "Tasks that each executor has completed; few on some and many on others"
        " is a sign of skew, or of executors that came late. " + LAST, "none",
        f"topk(20, {total('app_name, app_id, executor_id', scope.seen('spark_executor_completedTasks_total'))})",
        "{{app_id}} executor {{executor_id}}", link=TO_EXECUTORS,
    )  # fmt: skip
    board.bars(
        "Skew", "Of the task that ran the longest beyond the median of its stage: how many medians"
        " that was. " + LAST, "none",
        f"topk(10, {greatest('app_name, app_id', scope.seen('stagelight_spark_application_skew_ratio'))})",
        "{{app_name}} {{app_id}}", alert="SparkStagesSkewed",
    )  # fmt: skip

    board.row("What the time goes to")
    board.series(
        "CPU", "Cores that tasks kept busy: time on a CPU, and time that tasks ran, by the second."
        " What lies between is waiting: for disks, the network, garbage collection. " + HAPPENED,
        "none",
        [
            Query(scope.spread("stagelight_spark_stage_executor_cpu_time_seconds", "app_name"), "on a CPU {{app_name}}"),
            Query(scope.spread(run_time, "app_name"), "running {{app_name}}"),
        ],
    )  # fmt: skip
    board.series(
        "GC share", "Garbage collection over the run time of tasks, by stages that ran then. Single"
        " pauses are in no event log; what they add up to is. " + HAPPENED, "percentunit",
        [Query(
            f"{scope.spread(gc_time, 'app_name')} / {scope.spread(run_time, 'app_name')}",
            "{{app_name}}",
        )],
        alert="SparkCollectsGarbage",
    )  # fmt: skip
    board.bars(
        "Core time", "Core time of the executors by what became of it: busy, idle while a job ran,"
        " idle while none did. " + LAST, "s",
        total("state", scope.seen(core_time)), "{{state}}",
    )  # fmt: skip
    board.series(
        "Shuffle", "Bytes of shuffles that tasks read and wrote, by the second. " + HAPPENED,
        "binBps",
        [
            Query(scope.spread("stagelight_spark_stage_shuffle_read_bytes", ""), "read"),
            Query(scope.spread("stagelight_spark_stage_shuffle_write_bytes", ""), "written"),
        ],
    )  # fmt: skip
    board.series(
        "Disk", "Bytes that tasks read from storage, wrote to it, and spilled, by the second. "
        + HAPPENED, "binBps",
        [
            Query(scope.spread("stagelight_spark_stage_input_bytes", ""), "input"),
            Query(scope.spread("stagelight_spark_stage_output_bytes", ""), "output"),
            Query(scope.spread(spilled, ""), "spilled to disk"),
        ],
        about="SparkSpillsMuch",
    )  # fmt: skip
    board.series(
        "Driver heap", "Heap that the driver used, the peak of its last report, and what it may use."
        " Reports need spark.eventLog.logStageExecutorMetrics=true. " + SCRAPED, "bytes",
        [
            Query(greatest("app_id", scope.now("spark_driver_jvm_heap_used")), "used {{app_id}}"),
            Query(greatest("app_id", scope.now("spark_driver_jvm_heap_max")), "most {{app_id}}"),
        ],
    )  # fmt: skip

    board.row("What went wrong")
    board.table(
        "Failures", "What failed, and the class of the cause; `SELECT * FROM failure_causes` has the"
        " stacks. Empty where nothing failed. " + LAST,
        ("app_name", "app_id", "kind", "cause_class"),
        [Column("Failures", total("app_name, app_id, kind, cause_class", scope.seen("stagelight_spark_application_failures")), "none", ((1, "orange"),))],
        sort="Failures", height=8,
    )  # fmt: skip
    board.alert_states(
        [name for name in alerts() if name.startswith("Spark")], ("app_name", "app_id"), [TO_EXECUTORS]
    )

    board.row("Stages")
    keys = ", ".join(STAGE_KEYS)

    def stage(family):
        return total(keys, scope.seen(f"stagelight_spark_stage_{family}"))

    board.table(
        "Stages", "Stage attempts that ran, or `other` for those that have no room. " + LAST
        + " A click on a stage leads to it.", STAGE_KEYS,
        [
            Column("Elapsed", stage("elapsed_seconds"), "s"),
            Column("Run time", stage("executor_run_time_seconds"), "s"),
            Column("CPU", f"{stage('executor_cpu_time_seconds')} / {stage('executor_run_time_seconds')}", "percentunit"),
            Column("GC", f"{stage('jvm_gc_time_seconds')} / {stage('executor_run_time_seconds')}", "percentunit", alert="SparkCollectsGarbage"),
            Column("Input", stage("input_bytes"), "bytes"),
            Column("Shuffle read", stage("shuffle_read_bytes"), "bytes"),
            Column("Shuffle write", stage("shuffle_write_bytes"), "bytes"),
            Column("Spilled to disk", stage("disk_spilled_bytes"), "bytes"),
            Column("Failed tasks", stage("failed_tasks"), "none", ((1, "orange"),)),
        ],
        height=12, sort="Run time", links=[TO_STAGE],
    )  # fmt: skip
    return board
