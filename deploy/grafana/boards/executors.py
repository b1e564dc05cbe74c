"""Executors: what they do with their cores and memory, and what that costs."""

from .layout import (
    HAPPENED, LAST, READ, SCRAPED, TO_APPLICATION, Board, Column, Query, app_variables,
)  # fmt: skip
from .promql import APP_SCOPE, PRICE, Scope, greatest, total

EXECUTOR_KEYS = ("app_name", "app_id", "executor_id", "pod")
COST = (
    " At the threshold price_per_core_hour of `stagelight serve`, in its currency; without it there is"
    " no number. Memory is not in it: view `cost` has both."
)


def board():
    scope = Scope(APP_SCOPE)
    core_time = "stagelight_spark_application_core_time_seconds"
    idle = 'state=~"idle_.*"'
    gc_time = "stagelight_spark_stage_jvm_gc_time_seconds"
    run_time = "stagelight_spark_stage_executor_run_time_seconds"
    board = Board(
        "stagelight-executors", "Stagelight / Executors and cost",
        "What the executors of applications do, running or finished, and what they cost.",
        app_variables(), alert_scope=APP_SCOPE,
    )  # fmt: skip

    def cost(vector):
        return f"{vector} / 3600 * on () group_left () {PRICE}"

    board.row("Core time and cost")
    board.stat(
        "Core hours", "Core time that executors were there for. " + LAST, "none",
        f"{total('', scope.seen(core_time))} / 3600", decimals=2,
    )  # fmt: skip
    board.stat(
        "Idle", "Share of the core time in which no task ran. " + LAST, "percentunit",
        f"{total('', scope.seen(core_time, idle))} / {total('', scope.seen(core_time))}",
        alert="SparkCoresIdle", decimals=1,
    )  # fmt: skip
    board.stat(
        "Cost", "What the core time costs." + COST + " " + LAST, "none",
        f"{total('', scope.seen(core_time))} / 3600 * {PRICE}", decimals=2,
    )  # fmt: skip
    board.stat(
        "Idle cost", "What the idle core time costs." + COST + " " + LAST, "none",
        f"{total('', scope.seen(core_time, idle))} / 3600 * {PRICE}", decimals=2,
    )  # fmt: skip
    board.stat(
        "Executors active", "Executors of the applications that have not been removed; those of an"
        " application that has ended stay active, as in Spark. " + LAST, "none",
        total("", scope.seen("spark_app_executors", 'status="active"')),
    )  # fmt: skip
    board.stat(
        "Executors removed", "Executors that were lost, or asked to go. " + LAST, "none",
        total("", scope.seen("spark_app_executors", 'status="removed"')),
    )  # fmt: skip
    board.series(
        "Cores by what became of their time", "Busy, idle while a job ran, idle while none did; each"
        " application's average over its run. " + HAPPENED, "none",
        [Query(scope.core_spread("state"), "{{state}}")], stacked=True,
    )  # fmt: skip
    board.bars(
        "Core hours by namespace", "Core time by cluster and namespace. " + LAST, "none",
        f"topk(10, {total('cluster, namespace', scope.seen(core_time))} / 3600)",
        "{{cluster}} {{namespace}}",
    )  # fmt: skip
    board.bars(
        "Cost by namespace", "What the core time of each cluster and namespace costs." + COST + " "
        + LAST, "none",
        f"topk(10, {cost(total('cluster, namespace', scope.seen(core_time)))})",
        "{{cluster}} {{namespace}}",
    )  # fmt: skip
    board.bars(
        "Core hours by application", "Core time of the names with most. " + LAST, "none",
        f"topk(10, {total('app_name', scope.seen(core_time))} / 3600)", "{{app_name}}",
    )  # fmt: skip
    board.bars(
        "Idle core hours by application", "Core time in which no task ran, of the names with most."
        " " + LAST, "none",
        f"topk(10, {total('app_name', scope.seen(core_time, idle))} / 3600)", "{{app_name}}",
        levels=[(0, "orange")],
    )  # fmt: skip
    board.series(
        "Core time of ended applications", "Core hours, an hour, of the applications that have ended."
        " " + READ, "none",
        [Query(
            total("state", Scope('cluster=~"$cluster", namespace=~"$namespace", app_name=~"$app_name"')
                  .rate("stagelight_spark_core_time_seconds_total")),
            "{{state}}",
        )],
        stacked=True,
    )  # fmt: skip

    board.row("CPU, garbage collection, memory")
    board.series(
        "Executor CPU", "Cores of executors that tasks kept busy on a CPU, by the second. " + HAPPENED,
        "none",
        [Query(scope.spread("stagelight_spark_stage_executor_cpu_time_seconds", "app_name"), "{{app_name}}")],
        stacked=True,
    )  # fmt: skip
    board.series(
        "GC share", "Garbage collection over the run time of tasks, by stages that ran then. "
        + HAPPENED, "percentunit",
        [Query(f"{scope.spread(gc_time, 'app_name')} / {scope.spread(run_time, 'app_name')}", "{{app_name}}")],
        alert="SparkCollectsGarbage",
    )  # fmt: skip
    board.series(
        "GC time", "Seconds of garbage collection by the second, summed over the tasks that ran: the"
        " nearest to pauses that an event log has, which tells of no single one. " + HAPPENED, "none",
        [Query(scope.spread(gc_time, "app_name"), "{{app_name}}")],
    )  # fmt: skip
    board.series(
        "Executor heap", "Heap that each executor used, the peak of its last report. Reports need"
        " spark.eventLog.logStageExecutorMetrics=true; without them there is no line. " + SCRAPED,
        "bytes",
        [Query(
            greatest("app_name, app_id, executor_id", scope.now("spark_executor_runtime_jvm_heap_used")),
            "{{app_id}} executor {{executor_id}}",
        )],
        link=TO_APPLICATION,
    )  # fmt: skip
    board.series(
        "Driver heap", "Share of the heap that the driver has used, the peak of its last report, which"
        " needs spark.eventLog.logStageExecutorMetrics=true. " + SCRAPED, "percent",
        [Query(
            f"100 * {greatest('app_id', scope.now('spark_driver_jvm_heap_used'))}"
            f" / {greatest('app_id', scope.now('spark_driver_jvm_heap_max'))}",
            "{{app_id}}",
        )],
        alert="SparkDriverHeapFull",
    )  # fmt: skip
    board.series(
        "Storage memory", "Memory of the block managers for cached data, as their last reports say. "
        + SCRAPED, "mbytes",
        [Query(
            total("app_id", scope.now("spark_driver_BlockManager_memory_memUsed_MB")), "{{app_id}}"
        )],
    )  # fmt: skip

    board.row("Shuffle and disk")
    for title, family, what in (
        ("Shuffle read", "shuffle_read_bytes", "Bytes of shuffles that tasks read, local and remote"),
        ("Shuffle write", "shuffle_write_bytes", "Bytes of shuffles that tasks wrote"),
        ("Spilled to disk", "disk_spilled_bytes", "Size on disk of what tasks spilled"),
    ):  # fmt: skip
        board.series(
            title, f"{what}, by the second. {HAPPENED}", "binBps",
            [Query(scope.spread(f"stagelight_spark_stage_{family}", "app_name"), "{{app_name}}")],
            stacked=True,
        )  # fmt: skip

    board.row("Executors")
    executor = "app_name, app_id, executor_id"
    for title, family, unit, what in (
        ("Task distribution", "spark_executor_completedTasks_total", "none", "Tasks that each executor has completed"),
        ("Spill by executor", "spark_executor_shuffle_write_diskSpill_bytes", "bytes", "Bytes that the tasks of each executor have spilled to disk"),
        ("Writes by executor", "spark_executor_filesystem_write_bytes", "bytes", "Bytes that the tasks of each executor have written to storage"),
    ):  # fmt: skip
        board.bars(
            title, f"{what}: the 20 with most. {LAST}", unit,
            f"topk(20, {total(executor, scope.seen(family))})",
            "{{app_id}} executor {{executor_id}}", link=TO_APPLICATION,
        )  # fmt: skip
    board.bars(
        "Executors lost", "Executors that were lost, by class of the cause; those that the driver asked"
        " to go are not among them. Empty where none was. " + LAST, "none",
        total("app_name, cause_class", scope.seen("stagelight_spark_application_failures", 'kind="executor"')),
        "{{app_name}}: {{cause_class}}", levels=[(1, "orange")],
    )  # fmt: skip
    by = ", ".join(EXECUTOR_KEYS)

    def of(family, combined=total):
        return combined(by, scope.seen(family))

    board.table(
        "Executors", "Executors that ran, the driver where it runs tasks. " + LAST, EXECUTOR_KEYS,
        [
            Column("Tasks", of("spark_executor_completedTasks_total"), "none"),
            Column("Heap", of("spark_executor_runtime_jvm_heap_used", greatest), "bytes"),
            Column("Spilled to disk", of("spark_executor_shuffle_write_diskSpill_bytes"), "bytes"),
            Column("Written", of("spark_executor_filesystem_write_bytes"), "bytes"),
        ],
        width=16, height=8, sort="Tasks", links=[TO_APPLICATION],
    )  # fmt: skip
    return board
