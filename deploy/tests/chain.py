"""Stagelight and a Prometheus that scrapes it, on this machine, for tests and screenshots."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "chain",
    "AWS_SECRET_ACCESS_KEY": "chain",
    "AWS_REGION": "us-east-1",
}
BUCKET = "logs"
SCRAPES_EVERY = 1


def binary():
    """The stagelight to run; none where there is none."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    named = os.environ.get("STAGELIGHT_BINARY")
    candidates = [named] if named else [target / "release/stagelight", target / "debug/stagelight"]
    return next((str(path) for path in candidates if Path(path).is_file()), None)


def missing():
    """What the chain needs and this machine does not have."""
    needed = {
        "a stagelight binary (STAGELIGHT_BINARY names one)": binary(),
        "prometheus": shutil.which("prometheus"),
        "ministack": (Path(sys.prefix) / "bin" / "ministack").exists(),
    }
    return [name for name, found in needed.items() if not found]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url, timeout=30):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


def wait_for(what, condition, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if answer := condition():
                return answer
        except OSError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"{what}: not within {seconds} s")


class Chain:
    """serve, worker and watch on one lake, the queue of an emulator, and Prometheus with the rules."""

    def __init__(self, *serve_options):
        self._serve_options = serve_options
        self._stack = ExitStack()

    def __enter__(self):
        # What it has started ends with it, also where it is told to end.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            return self._start()
        except BaseException:
            self._stack.close()
            raise

    def __exit__(self, *_):
        self._stack.close()

    def _start(self):
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.watched = self.folder / "watched"
        self.watched.mkdir()
        self.s3, queue = self._emulator()
        lake = ["--lake", str(self.folder / "lake")]
        self.worker = self._stagelight(
            "worker", *lake, "--queue-url", queue, "--commit-after", "1s", "--log", "warn"
        )
        # The others find the lake that it has made.
        self.watch = self._stagelight("watch", *lake, str(self.watched), "--log", "warn")
        self.serve = self._stagelight(
            "serve", *lake, "--metrics-window", "36500d", "--refresh", "1s", *self._serve_options
        )
        self.prometheus = self._prometheus([self.serve, self.worker, self.watch])
        return self

    def _run(self, name, command, environment=None):
        log = open(self.folder / f"{name}.log", "wb")
        self._stack.callback(log.close)
        process = subprocess.Popen(
            command, env=os.environ | (environment or {}), stdout=log, stderr=subprocess.STDOUT
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def _emulator(self):
        port = free_port()
        self._endpoint = f"http://127.0.0.1:{port}"
        self._run("emulator", [Path(sys.prefix) / "bin" / "ministack"], {
            "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "SERVICES": "s3,sqs,sts,iam",
            "LOG_LEVEL": "WARNING",
        })  # fmt: skip
        wait_for("the emulator", lambda: get(f"{self._endpoint}/_ministack/health"))
        options = {
            "endpoint_url": self._endpoint, "region_name": CREDENTIALS["AWS_REGION"],
            "aws_access_key_id": CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        }  # fmt: skip
        s3, sqs = boto3.client("s3", **options), boto3.client("sqs", **options)
        s3.create_bucket(Bucket=BUCKET)
        queue = sqs.create_queue(QueueName="logs")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={
            "QueueConfigurations": [
                {"QueueArn": arn["Attributes"]["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
            ],
        })  # fmt: skip
        return s3, queue

    def _stagelight(self, command, *arguments):
        address = f"127.0.0.1:{free_port()}"
        environment = CREDENTIALS | {"AWS_ENDPOINT_URL": self._endpoint}
        self._run(command, [binary(), command, "--listen", address, *arguments], environment)
        wait_for(f"stagelight {command}", lambda: get(f"http://{address}/healthz"))
        return address

    def _prometheus(self, targets):
        # A job for each, as the chart's monitors make them; `serve`'s has the name that a rule asks for.
        jobs = [
            {"job_name": name, "honor_labels": True, "static_configs": [{"targets": [target]}]}
            for name, target in zip(["stagelight", "stagelight-worker", "stagelight-watch"], targets)
        ]
        interval = f"{SCRAPES_EVERY}s"
        config = self.folder / "prometheus.json"
        config.write_text(json.dumps({
            "global": {"scrape_interval": interval, "evaluation_interval": interval},
            "rule_files": [str(RULES)],
            "scrape_configs": jobs,
        }))  # fmt: skip
        address = f"127.0.0.1:{free_port()}"
        self._run("prometheus", [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}/tsdb",
            f"--web.listen-address={address}", "--log.level=warn",
        ])  # fmt: skip
        url = f"http://{address}"
        wait_for("prometheus", lambda: get(f"{url}/-/ready"))
        return url

    def put(self, folder):
        """Logs into the bucket, which tells the queue."""
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.s3.upload_file(str(file), BUCKET, str(file.relative_to(folder.parent)))

    def query(self, expr):
        return query(self.prometheus, "query", query=expr)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")


def query(prometheus, kind, **arguments):
    """What Prometheus answers; ValueError with its message where it does not like the question."""
    body = urllib.parse.urlencode(arguments).encode()
    try:
        with urllib.request.urlopen(f"{prometheus}/api/v1/{kind}", body, timeout=60) as answer:
            return json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        raise ValueError(json.load(error)["error"]) from error
