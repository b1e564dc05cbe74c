#!/usr/bin/env python3
"""The whole chain on this machine: a Spark application, its log, Stagelight, Prometheus, Alertmanager.

Runs a Spark application whose last job fails, shows how long the end of each stage took to get into
Prometheus and which alerts that raised, and stays until Ctrl-C. See README.md.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VENV = Path.home() / ".cache/stagelight/local"
if find_spec("pyspark") is None and (VENV / "bin/python").exists():
    os.execv(VENV / "bin/python", [VENV / "bin/python", __file__, *sys.argv[1:]])

import cloud
import measure
import spark
from processes import Failure, Processes, free_ports

PORTS = ["emulator", "ingest", "serve", "prometheus", "alertmanager"]
RULES = ROOT / "deploy/prometheus/rules.yaml"
STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
FAILED, INTERRUPTED = 1, 130
ALERTS = {"SparkJobFailed", "SparkApplicationFailed"}
LOOKS_EVERY = 0.1
# From Spark's end: the last segment's way, and the evaluation of the rules.
ARRIVES_WITHIN = 120


def main():
    args = arguments()
    problems = missing(args)
    if problems:
        print("There is missing, to run this:", *problems, sep="\n  ", file=sys.stderr)
        return 2
    for name in STOPS:
        signal.signal(name, signal.default_int_handler)
    folder = args.folder or Path(tempfile.mkdtemp(prefix="stagelight-local-"))
    processes = Processes(folder / "logs")
    code = FAILED
    try:
        isolate(folder)
        chain = Chain(args, folder, processes)
        measure_application(args, folder, chain, processes)
        code = 0
        if not args.once:
            stay(args, chain, processes)
    except (Failure, OSError) as failure:
        print(f"\nThis went wrong: {failure}", file=sys.stderr)
    except KeyboardInterrupt:
        # Who has seen the outcome ends it so; before, it is an interruption.
        code = INTERRUPTED if code == FAILED else code
    finally:
        for name in STOPS:
            signal.signal(name, signal.SIG_IGN)
        say("Stopping all of it.")
        processes.stop()
        if args.folder or code == FAILED:
            say(f"Logs are in {folder / 'logs'}")
        else:
            shutil.rmtree(folder)
    return code


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--source",
        choices=["s3", "folder"],
        default="s3",
        help="where the log is read: what Spark has rolled, from a bucket that a queue tells of, "
        "or the folder, while Spark writes",
    )
    parser.add_argument("--once", action="store_true", help="end after the measurement")
    parser.add_argument(
        "--folder",
        type=Path,
        help="for logs and state, which stay there; new or empty. A temporary one else",
    )
    parser.add_argument(
        "--rounds", type=int, default=8, help="how long the application runs; a few seconds each"
    )
    parser.add_argument("--tasks", type=int, default=300, help="of each stage in these rounds")
    timing = "; in production rather %s"
    parser.add_argument(
        "--commit-after", default="1s", help="of `stagelight worker`" + timing % "10s"
    )
    parser.add_argument("--refresh", default="1s", help="of `stagelight serve`" + timing % "5s")
    parser.add_argument("--scrape-interval", default="1s", help="of Prometheus" + timing % "30s")
    parser.add_argument(
        "--maintain-every",
        type=int,
        default=300,
        metavar="SECONDS",
        help="how often `stagelight maintain` runs until Ctrl-C",
    )
    for name in PORTS:
        parser.add_argument(f"--{name}-port", type=int, help="one that is free, if not given")
    args = parser.parse_args()
    if args.rounds < 1 or args.tasks < 1:
        parser.error("--rounds and --tasks are 1 at least")
    if args.folder:
        args.folder = args.folder.resolve()
        try:
            args.folder.mkdir(parents=True, exist_ok=True)
            full = any(args.folder.iterdir())
        except OSError as error:
            parser.error(str(error))
        if full:
            parser.error(f"{args.folder} is not an empty folder")
    args.stagelight = stagelight()
    args.prometheus = shutil.which("prometheus")
    args.alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    free = iter(free_ports(len(PORTS)))
    args.ports = {name: getattr(args, f"{name}_port") or next(free) for name in PORTS}
    return args


def stagelight():
    """The binary that a variable names, that was built here, or that the shell finds."""
    named = os.environ.get("STAGELIGHT_BINARY")
    if named:
        return shutil.which(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    places = [target / "release/stagelight", ROOT / "target/release/stagelight", "stagelight"]
    return next(filter(None, (shutil.which(place) for place in places)), None)


def missing(args):
    problems = []
    if not args.stagelight:
        problems.append("stagelight: `cargo build --release`, or name it: STAGELIGHT_BINARY=…")
    if not args.prometheus:
        problems.append("prometheus: `apt-get install prometheus`, or prometheus.io/download")
    if not args.alertmanager:
        problems.append(
            "alertmanager: `apt-get install prometheus-alertmanager`, or prometheus.io/download"
        )
    modules = ["pyspark", "zstandard"] + ["boto3", "ministack"] * (args.source == "s3")
    absent = [name for name in modules if find_spec(name) is None]
    if absent:
        problems.append(f"{', '.join(absent)}: `{HERE / 'install.sh'}`")
    java = spark.java_problem()
    if java:
        problems.append(f"{java}: `apt-get install openjdk-17-jre-headless`, and JAVA_HOME")
    return problems


def isolate(folder):
    """Makes the folders; lets nothing of who runs this into it, and nothing out of the folder."""
    for name in ("", "logs", "events", "tmp", "config"):
        (folder / name).mkdir(exist_ok=True, parents=True)
    for name in list(os.environ):
        if name.startswith(("AWS_", "STAGELIGHT_", "SPARK_", "PYSPARK_")):
            del os.environ[name]
    os.environ |= {
        "TMPDIR": str(folder / "tmp"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


class Chain:
    """Everything but Spark."""

    def __init__(self, args, folder, processes):
        self._stagelight = args.stagelight
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in args.ports.items()}
        self.events = folder / "events"
        self.emulator = None
        listen = {name: f"127.0.0.1:{port}" for name, port in args.ports.items()}
        if args.source == "s3":
            say("Starting S3 and SQS.")
            self.emulator = cloud.Emulator(processes, args.ports["emulator"])
            self.lake = cloud.LAKE
            ingest = ["worker", "--queue-url", self.emulator.queue]
            ingest += ["--commit-after", args.commit_after]
        else:
            self.lake = str(folder / "lake")
            ingest = ["watch", self.events]
        self.ingest = ingest[0]

        say(f"Starting stagelight {self.ingest} and stagelight serve.")
        process = processes.start(
            self.ingest, self.command(*ingest, "--listen", listen["ingest"])
        )
        processes.wait_ready(process, f"{self.urls['ingest']}/readyz")
        serve = ["serve", "--refresh", args.refresh, "--listen", listen["serve"]]
        process = processes.start("serve", self.command(*serve))
        processes.wait_ready(process, f"{self.urls['serve']}/healthz")

        say("Starting Prometheus and Alertmanager.")
        config = folder / "alertmanager.json"
        config.write_text(json.dumps(alertmanager_config()))
        process = processes.start(
            "alertmanager",
            [
                args.alertmanager,
                f"--config.file={config}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address={listen['alertmanager']}",
                "--cluster.listen-address=",
            ],
        )
        processes.wait_ready(process, f"{self.urls['alertmanager']}/-/ready")
        config = folder / "prometheus.json"
        config.write_text(json.dumps(prometheus_config(args.scrape_interval, listen)))
        process = processes.start(
            "prometheus",
            [
                args.prometheus,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address={listen['prometheus']}",
            ],
        )
        processes.wait_ready(process, f"{self.urls['prometheus']}/-/ready")

    def command(self, *words):
        return [self._stagelight, "--lake", self.lake, *words]

    def show(self, app_id):
        """What to open, and what to ask."""
        stage = f'{measure.RUN_TIME}{{app_id="{app_id}"}}'
        queries = {
            "run time of each stage, in ms": stage,
            "what was spilled, by stage": "stagelight_spark_stage_disk_spilled_bytes",
            "failures by cause": "stagelight_spark_failures_total",
            "alerts that fire": 'ALERTS{alertstate="firing"}',
        }
        print(f"\nPrometheus    {self.urls['prometheus']}")
        for what, query in queries.items():
            words = urllib.parse.urlencode({"g0.expr": query, "g0.tab": 1})
            print(f"  {what}:\n    {self.urls['prometheus']}/graph?{words}")
        print(f"Alertmanager  {self.urls['alertmanager']}")
        print(f"Metrics       {self.urls['serve']}/metrics of Spark, as stagelight serve has them")
        print(f"              {self.urls['ingest']}/metrics of stagelight {self.ingest}")
        print("SQL")
        if self.emulator:
            settings = cloud.CREDENTIALS | {"AWS_ENDPOINT_URL": self.emulator.url}
            print("  export", *(f"{name}={value}" for name, value in settings.items()))
        question = (
            "SELECT stage_id, status, num_tasks, executor_run_time_ms, disk_bytes_spilled "
            "FROM stages ORDER BY stage_id"
        )
        print(f'  {self._stagelight} --lake {self.lake} sql "{question}"\n')


def alertmanager_config():
    return {
        "route": {
            "receiver": "nobody",
            "group_by": ["alertname", "app_id"],
            "group_wait": "1s",
        },
        "receivers": [{"name": "nobody"}],
    }


def prometheus_config(interval, listen):
    def job(name, target):
        return {"job_name": name, "static_configs": [{"targets": [target]}]}

    return {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "evaluation_interval": interval,
        },
        "rule_files": [str(RULES)],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [listen["alertmanager"]]}]}]
        },
        # The rules want the first name of `serve`.
        "scrape_configs": [
            job("stagelight", listen["serve"]),
            job("stagelight-ingest", listen["ingest"]),
        ],
    }


def measure_application(args, folder, chain, processes):
    lake = measure.Lake(chain.command("sql"), f"{chain.urls['ingest']}/metrics")
    uploader = None
    if chain.emulator:
        uploader = cloud.Uploader(chain.emulator.s3, chain.events)
    try:
        say("Starting Spark; its first stage ends in some 20 s.")
        process = spark.start(processes, folder, chain.events, args.rounds, args.tasks)
        told = set()
        while process.poll() is None:
            processes.check(process)
            look(lake, uploader, told)
        log, app_id, stages = ended(process, chain.events)
        say(f"Spark has ended: {app_id}, {len(stages)} stages.")
        processes.finish(process)
        prometheus = measure.Prometheus(chain.urls["prometheus"])
        until = time.monotonic() + ARRIVES_WITHIN
        while True:
            processes.check()
            look(lake, uploader, told)
            found = prometheus.in_prometheus(app_id, stages)
            alerts = measure.alerts(chain.urls["alertmanager"], app_id)
            absent = [stage.stage_id for stage in stages if stage.key not in found]
            silent = ALERTS - alerts.keys()
            if not absent and not silent:
                break
            if time.monotonic() > until:
                raise Failure(
                    f"after {ARRIVES_WITHIN} s Prometheus does not have the numbers of the stages "
                    f"{absent}, and Alertmanager not the alerts {sorted(silent)}"
                )
        arrived = uploader.arrived() if uploader else {}
    finally:
        if uploader:
            uploader.close()
    rows = measure.measured(log, stages, arrived, lake, found)
    (folder / "measured.json").write_text(measure.as_json(rows, alerts, app_id))
    print(f"\nSeconds from the end of each stage, step by step\n\n{measure.table(rows)}\n")
    print("Alertmanager has")
    for name, summary in sorted(alerts.items()):
        print(f"  {name}: {summary}")
    maintain(chain)
    chain.show(app_id)


def look(lake, uploader, told):
    """Tells of what has come."""
    for path in uploader.arrived() if uploader else []:
        if path not in told and "appstatus" not in path:
            say(f"In the bucket: {path}")
            told.add(path)
    news = lake.look()
    if news:
        names = ", ".join(str(stage_id) for stage_id, _ in sorted(news))
        say(f"In the lake: stages {names}")
    time.sleep(LOOKS_EVERY)


def ended(process, events):
    """What the event log says at the end, which is to be the failure that the job is about."""
    log = spark.application(events)
    stages = spark.stages(log) if log else []
    if [stage.failed for stage in stages[-1:]] != [True]:
        raise Failure(f"Spark has ended otherwise than it was to; see {process.log}")
    return log, spark.app_id(log), stages


def maintain(chain):
    answer = subprocess.run(chain.command("maintain"), capture_output=True, text=True)
    if answer.returncode != 0:
        raise Failure(f"maintain has ended with {answer.returncode}:\n{answer.stderr}")


def stay(args, chain, processes):
    say("All of it runs until Ctrl-C.")
    due = time.monotonic() + args.maintain_every
    while True:
        time.sleep(1)
        processes.check()
        if time.monotonic() > due:
            maintain(chain)
            due = time.monotonic() + args.maintain_every


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
