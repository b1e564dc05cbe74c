"""The Spark application: started as production starts one, and what its own event log says of it."""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cloud import segment_of

JOB = Path(__file__).with_name("job.py")
SETTINGS = Path(__file__).with_name("spark.conf")


@dataclass
class Stage:
    stage_id: int
    attempt: int
    name: str
    tasks: int
    failed: bool
    ended: float
    elapsed: float
    run_time_ms: int
    # The number of the file that says how it ended.
    segment: int

    @property
    def key(self):
        return (self.stage_id, self.attempt)


def start(processes, folder, events, rounds, tasks):
    scratch = folder / "scratch"
    scratch.mkdir()
    settings = {
        "spark.eventLog.dir": events.as_uri(),
        "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={scratch}",
        "spark.executor.extraJavaOptions": f"-Djava.io.tmpdir={scratch}",
    }
    home = _home(folder)
    words = [home / "bin/spark-submit", "--properties-file", SETTINGS]
    for setting in settings.items():
        words += ["--conf", "=".join(setting)]
    return processes.start(
        "spark",
        [*words, JOB, rounds, tasks],
        SPARK_HOME=str(home),
        SPARK_LOCAL_IP="127.0.0.1",
        SPARK_LOCAL_DIRS=str(scratch),
        PYSPARK_PYTHON=sys.executable,
    )


def _home(folder):
    """Spark's folder once more: executors of a local cluster write into it, below `work`."""
    installed = Path(find_spec("pyspark").origin).parent
    home = folder / "spark"
    home.mkdir()
    for path in installed.iterdir():
        if path.name != "work":
            (home / path.name).symlink_to(path)
    return home


def java_problem():
    """What is wrong with the Java that Spark would run with, or None."""
    home = os.environ.get("JAVA_HOME")
    java = Path(home) / "bin/java" if home else shutil.which("java")
    if not java or not Path(java).exists():
        return "Java is missing"
    release = Path(java).resolve().parent.parent / "release"
    if release.exists():
        for line in release.read_text().splitlines():
            if line.startswith("JAVA_VERSION="):
                version = line.split('"')[1]
                if int(version.split(".")[0]) < 17:
                    return f"Java is {version}, and Spark 4 wants 17"
    return None


def application(events):
    """The folder of the log, once it is there."""
    return next(events.glob("eventlog_v2_*"), None)


def app_id(log):
    return log.name.removeprefix("eventlog_v2_")


def segments(log):
    return sorted(log.glob("events_*"), key=lambda path: segment_of(path.name))


def stages(log):
    """Every stage that has ended, in the order of their ends."""
    import zstandard

    found = {}
    run_times = {}
    for path in segments(log):
        with zstandard.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith('{"Event":"SparkListenerTaskEnd"'):
                    event = json.loads(line)
                    key = (event["Stage ID"], event["Stage Attempt ID"])
                    metrics = event.get("Task Metrics") or {}
                    time = metrics.get("Executor Run Time", 0)
                    run_times[key] = run_times.get(key, 0) + time
                elif line.startswith('{"Event":"SparkListenerStageCompleted"'):
                    stage = _stage(json.loads(line)["Stage Info"], segment_of(path.name))
                    found[stage.key] = stage
    for key, stage in found.items():
        stage.run_time_ms = run_times.get(key, 0)
    return sorted(found.values(), key=lambda stage: stage.ended)


def _stage(info, segment):
    return Stage(
        stage_id=info["Stage ID"],
        attempt=info["Stage Attempt ID"],
        name=info["Stage Name"],
        tasks=info["Number of Tasks"],
        failed="Failure Reason" in info,
        ended=info["Completion Time"] / 1000,
        elapsed=(info["Completion Time"] - info["Submission Time"]) / 1000,
        run_time_ms=0,
        segment=segment,
    )
