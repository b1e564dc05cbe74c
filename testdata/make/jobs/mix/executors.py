"""Steps for applications of which the executors are not the driver."""
import os
import pathlib
import signal
import time

from pyspark.resource import ResourceProfileBuilder, TaskResourceRequests

from mix.shared import first, new_path, pairs, sc


def executor():
    """The process of the executor: the daemon that made this Python worker is its child."""
    return int(pathlib.Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1])


def executor_killed(rng):
    """An executor dies in the middle of a stage: in the first one, whose finished tasks are lost
    with it, or in the second one, which cannot fetch what it had written."""
    killed, stage = new_path("killed"), rng.choice(["map", "reduce"])

    def deadly(index, rows):
        rows = list(rows)
        if index == 5 and first(killed):
            os.kill(executor(), signal.SIGKILL)
            time.sleep(10)
        time.sleep(0.3)
        yield from rows

    counts = sc.parallelize(range(2_000), 6).map(lambda i: (i % 50, i))
    counts = counts.mapPartitionsWithIndex(deadly) if stage == "map" else counts
    counts = counts.groupByKey(6).mapValues(len)
    (counts.mapPartitionsWithIndex(deadly) if stage == "reduce" else counts).count()


def executor_removed(rng):
    """An executor is taken away on request, and comes back on request."""
    context = sc._jsc.sc()
    for _ in range(50):
        if context.getExecutorIds().size() > 1:
            context.killExecutor(context.getExecutorIds().head())
            break
        time.sleep(0.1)
    pairs(rng).groupByKey(4).count()
    context.requestExecutors(1)


def executor_is_sick(rng):
    """Every task fails that runs on the first executor to get one."""
    sick = new_path("sick")

    def work(i):
        if first(sick):
            pathlib.Path(f"{sick}.new").write_text(str(executor()))
            os.rename(f"{sick}.new", f"{sick}.id")
        time.sleep(0.2)
        if pathlib.Path(f"{sick}.id").read_text() == str(executor()):
            raise OSError("no space left on device")
        return i

    sc.parallelize(range(8), 8).map(work).count()


def resource_profile(rng):
    profile = ResourceProfileBuilder().require(TaskResourceRequests().cpus(1)).build
    sc.parallelize(range(6), 6).withResources(profile).map(lambda i: (i % 2, i)).groupByKey(2).count()


STEPS = [executor_killed] * 2 + [
    executor_removed, executor_is_sick, resource_profile,
]
