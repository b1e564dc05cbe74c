"""Steps of RDDs."""
import contextlib
import glob
import os
import pathlib
import threading
import time
import zipfile

from pyspark import BarrierTaskContext, StorageLevel, TaskContext

from mix.shared import UGLY, drowsy, first, new_name, new_path, once_running, pairs, sc


def shared_shuffle(rng):
    """The second job finds the shuffle files of the first and skips a stage."""
    sums = pairs(rng).reduceByKey(lambda a, b: a + b, rng.randint(1, 5))
    sums.count()
    sums.mapValues(str).collect()
    sums.join(sums.mapValues(lambda v: -v)).groupByKey().count()


def many_shuffles(rng):
    left, right = pairs(rng), pairs(rng, 50)
    rng.choice([
        lambda: left.cogroup(right).flatMapValues(lambda sides: map(len, sides)).reduceByKey(max, 2).count(),
        lambda: left.union(right).distinct(3).sortByKey().zipWithIndex().takeSample(False, 5, seed=1),
        lambda: left.values().treeAggregate(0, lambda a, b: a + b, lambda a, b: a + b, 3),
    ])()


def many_tasks(rng):
    sc.parallelize(range(300), rng.choice([30, 120])).map(lambda i: i * i).sum()


def few_at_a_time(rng):
    """Actions that start a job for a few partitions, and another if these are not enough."""
    numbers = sc.parallelize(range(60), 12)
    numbers.filter(lambda i: i > 40).take(5)
    numbers.filter(lambda i: i > 100).isEmpty()
    list(sc.parallelize(range(9), 3).toLocalIterator())
    numbers.map(drowsy(0.01)).countApprox(timeout=50)


def nothing_to_do(rng):
    """A job without stages, tasks without rows, shuffles of nothing."""
    sc.emptyRDD().count()
    sc.parallelize([], 3).map(lambda i: (i, i)).groupByKey(2).count()
    sc.parallelize(range(4), 4).filter(lambda i: False).repartition(2).collect()


def cached_numbers(rng):
    level = rng.choice([StorageLevel.MEMORY_ONLY, StorageLevel.MEMORY_AND_DISK, StorageLevel.DISK_ONLY,
                        StorageLevel.MEMORY_AND_DISK_2])
    cached = pairs(rng).setName(rng.choice(UGLY)).persist(level)
    cached.count()
    cached.reduceByKey(max).collect()
    if rng.random() < 0.5:
        cached.unpersist(blocking=rng.random() < 0.5)
    kept = pairs(rng)
    kept.localCheckpoint()
    kept.count()
    kept.count()


TALLY = """
import org.apache.spark.TaskContext;
import org.apache.spark.util.*;

public class Tally implements org.apache.spark.api.java.function.VoidFunction {
    private final LongAccumulator rows;
    private final DoubleAccumulator weight;
    private final CollectionAccumulator seen;

    public Tally(LongAccumulator rows, DoubleAccumulator weight, CollectionAccumulator seen) {
        this.rows = rows;
        this.weight = weight;
        this.seen = seen;
    }

    public void call(Object row) {
        rows.add(1L);
        weight.add(((Number) row).doubleValue() / (row.equals(9) ? 0.0 : 10.0));
        seen.add("row " + row);
        if (row.equals(5) && TaskContext.get().attemptNumber() == 0) {
            throw new IllegalStateException("row 5: \\"odd\\"\\n\\tis it?");
        }
    }
}
"""


def accumulators(rng):
    """Accumulators with names, which only code for the JVM has: Java, compiled by Spark's own
    compiler. A task of which the first attempt fails tells what it had counted until then."""
    compiler = sc._jvm.org.codehaus.janino.SimpleCompiler()
    compiler.cook(TALLY)
    jar = new_path("tally") + ".jar"
    with zipfile.ZipFile(jar, "w") as file:
        for name, code in compiler.getBytecodes().items():
            file.writestr(f"{name}.class", bytes(code))
    sc._jsc.addJar(f"file://{jar}")
    context, values = sc._jsc.sc(), sc._gateway.new_array(sc._jvm.java.lang.Object, 3)
    values[0] = context.longAccumulator("rows")
    values[1] = context.doubleAccumulator(rng.choice(UGLY))
    values[2] = context.collectionAccumulator("rows \"seen\"")
    tally = compiler.getClassLoader().loadClass("Tally").getConstructors()[0].newInstance(values)
    rows = sc._jsc.parallelize([rng.randint(0, 20) for _ in range(12)], 4)
    for _ in range(2):
        rows.foreach(tally)


def flaky(rng):
    """A task fails once; where tasks have one attempt, that is the job's end."""
    failed, text, seen = new_path("flaky"), rng.choice(UGLY), sc.accumulator(0)

    def work(i):
        seen.add(1)
        if i == 5 and first(failed):
            raise IOError(text)
        return i, 1

    sc.parallelize(range(8), 4).map(work).reduceByKey(max, 2).collect()


def fails_for_good(rng):
    """A job fails, in its first stage or in its last; the other task may still run then."""
    stage, text = rng.choice(["map", "reduce"]), rng.choice(UGLY)

    def bad(row):
        if row[0] == 0:
            raise ValueError(text)
        time.sleep(0.3)
        return row

    first_half = sc.parallelize(range(12), 3).map(lambda i: (i % 6, i))
    first_half = first_half.map(bad) if stage == "map" else first_half
    second_half = first_half.groupByKey(3).mapValues(sum)
    (second_half.map(bad) if stage == "reduce" else second_half).count()


def worker_crashes(rng):
    """A Python worker dies without a word."""
    crashed = new_path("crashed")
    sc.parallelize(range(4), 2).map(lambda i: os._exit(3) if i == 3 and first(crashed) else i).count()


def job_cancelled(rng):
    """Cancelled by group, tag or stage, running tasks being interrupted or not."""
    group, tag = new_name(rng.choice(UGLY[:3])), new_name("tag")
    cancel = rng.choice([
        lambda stage: sc.cancelJobGroup(group), lambda stage: sc.cancelJobsWithTag(tag),
        lambda stage: sc._jsc.sc().cancelStage(stage), lambda stage: sc.cancelAllJobs()])
    sc.setJobGroup(group, "to be cancelled", interruptOnCancel=rng.random() < 0.5)
    sc.addJobTag(tag)
    once_running(group, cancel)
    pairs(rng, 40).map(drowsy(0.1)).groupByKey(3).map(drowsy(0.1)).count()


def task_killed(rng):
    """One attempt of a task is killed on request, which is not a failure; another one follows."""
    note, text = new_path("running"), rng.choice(UGLY)

    def work(i):
        if i == 0 and TaskContext.get().attemptNumber() == 0:
            pathlib.Path(f"{note}.new").write_text(str(TaskContext.get().taskAttemptId()))
            os.rename(f"{note}.new", note)
            time.sleep(3)
        return i

    def kill():
        for _ in range(100):
            time.sleep(0.05)
            if os.path.exists(note):
                sc._jsc.sc().killTaskAttempt(int(pathlib.Path(note).read_text()), True, text)
                return

    threading.Thread(target=kill, daemon=True).start()
    sc.parallelize(range(4), 4).map(work).count()


def big_results(rng):
    """Results that are fetched indirectly, or are too big to be fetched at all."""
    size = rng.choice([120_000, 400_000])
    sc.parallelize(range(4), 4).map(lambda i: bytes(size)).collect()


def python_spill(rng):
    sc.parallelize(range(20_000), 2).map(lambda i: (i * 7919 % 20_000, "x" * 100)).groupByKey(2).count()


def slow_tail(rng):
    """One task is far slower than the others: what speculation is for."""
    def work(i):
        slow = i == 3 and TaskContext.get().attemptNumber() == 0
        time.sleep(4 if slow else 0.1)
        return i % 3, i

    sc.parallelize(range(8), 8).map(work).reduceByKey(max, 2).collect()


def shuffle_files_lost(rng):
    """Shuffle files vanish between two jobs: the second one cannot fetch, and the stage that
    wrote them is tried again."""
    counts = pairs(rng).groupByKey(3).mapValues(len)
    counts.count()
    for file in glob.glob(f"{os.environ['SPARK_LOCAL_DIRS']}/**/shuffle_*.data", recursive=True):
        with contextlib.suppress(OSError):
            os.remove(file)
    counts.count()


def barrier(rng):
    """Tasks that wait for each other. When one fails, the whole stage is tried again, or, if it is
    the last stage, the job fails."""
    failed, fails = new_path("barrier"), rng.random() < 0.7

    def work(index, rows):
        BarrierTaskContext.get().barrier()
        if fails and index == 0 and first(failed):
            raise RuntimeError("left the others waiting")
        yield index, sum(rows)

    rows = sc.parallelize(range(100), min(2, sc.defaultParallelism))
    sums = rows.barrier().mapPartitionsWithIndex(work)
    (sums.groupByKey(2) if rng.random() < 0.6 else sums).collect()


def added_files(rng):
    """Files for all tasks, each of which is another version of the environment."""
    path = new_path("words") + ".txt"
    pathlib.Path(path).write_text("some words")
    sc.addFile(path)
    sc.broadcast(list(range(1_000)))
    sc.parallelize(range(4), 2).map(lambda i: i).count()


STEPS = [accumulators] * 3 + [
    shared_shuffle, many_shuffles, many_tasks, few_at_a_time, nothing_to_do, cached_numbers,
    flaky, fails_for_good, worker_crashes, job_cancelled, task_killed, big_results, python_spill,
    slow_tail, shuffle_files_lost, barrier, added_files,
]
