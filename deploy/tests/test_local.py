"""deploy/local: the chain runs and says what Spark says, leaves nothing, and compose.yaml fits it."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import yaml
import zstandard

DEPLOY = Path(__file__).resolve().parent.parent
LOCAL = DEPLOY / "local"
RUN = LOCAL / "run.py"
sys.path.insert(0, str(LOCAL))

import cloud  # noqa: E402

TAKES_AT_MOST = 300
STARTS_WITHIN = STOPS_WITHIN = 60


def skip(test, why):
    if os.environ.get("STAGELIGHT_REQUIRE_TOOLS") == "1":
        test.fail(why)
    print(f"SKIPPED: {test.id()}: {why}", file=sys.stderr)
    test.skipTest(why)


def run(*words, **environment):
    return subprocess.run(
        [sys.executable, RUN, *map(str, words)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=TAKES_AT_MOST,
    )


def binary(test):
    target = Path(os.environ.get("CARGO_TARGET_DIR", DEPLOY.parent / "target"))
    built = shutil.which(target / "release/stagelight")
    found = os.environ.get("STAGELIGHT_BINARY") or built or shutil.which("stagelight")
    return found or skip(test, "there is no stagelight; STAGELIGHT_BINARY names one")


def processes_of(folder):
    """Whatever runs with the folder in its environment, which everything that run.py starts has."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ")[:200])
        except OSError:
            pass
    return found


def run_times_of_spark(events):
    """What Spark's own sums say when a stage ends: milliseconds by stage and attempt."""
    found = {}
    for path in events.glob("eventlog_v2_*/events_*"):
        text = zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True)
        for line in io.TextIOWrapper(text, encoding="utf-8"):
            event = json.loads(line)
            if event["Event"] == "SparkListenerStageCompleted":
                info = event["Stage Info"]
                sums = {each["Name"]: each["Value"] for each in info["Accumulables"]}
                key = (info["Stage ID"], info["Stage Attempt ID"])
                found[key] = sums["internal.metrics.executorRunTime"]
    return found


def is_gone_within(seconds, folder):
    until = time.monotonic() + seconds
    while processes_of(folder) and time.monotonic() < until:
        time.sleep(0.2)
    return processes_of(folder)


class Chain(unittest.TestCase):
    def test_who_is_stopped_or_killed_leaves_nothing(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(number), tempfile.TemporaryDirectory() as folder:
                folder = Path(folder).resolve()
                process = subprocess.Popen(
                    [sys.executable, RUN, "--source", "folder", "--folder", folder],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                # The log is there as soon as there is an application.
                until = time.monotonic() + STARTS_WITHIN
                while process.poll() is None and not list(folder.glob("events/*/events_1_*")):
                    self.assertLess(time.monotonic(), until)
                    time.sleep(0.2)
                if process.poll() == 2:
                    skip(self, process.communicate()[0])
                self.assertGreater(len(processes_of(folder)), 4)
                process.send_signal(number)
                said = process.communicate(timeout=STOPS_WITHIN)[0]
                self.assertEqual(is_gone_within(STOPS_WITHIN, folder), [], said)
                if number == signal.SIGTERM:
                    self.assertEqual(process.returncode, 130, said)

    def test_every_stage_gets_into_prometheus_and_the_alert_to_alertmanager(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder).resolve()
            result = run("--once", "--rounds", 3, "--folder", folder)
            if result.returncode == 2 and "There is missing" in result.stderr:
                skip(self, result.stderr)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            self.assertEqual(processes_of(folder), [])
            outcome = json.loads((folder / "measured.json").read_text())
            in_prometheus = {
                (row["stage"]["stage_id"], row["stage"]["attempt"]): row["run_time_ms"]
                for row in outcome["stages"]
            }
            self.assertEqual(in_prometheus, run_times_of_spark(folder / "events"))
            segments = {row["stage"]["segment"] for row in outcome["stages"]}
            self.assertGreater(len(segments), 1, "the log has not rolled")
            self.assertIn("SparkJobFailed", outcome["alerts"])
            for row in outcome["stages"]:
                for step, seconds in row["steps"].items():
                    # A clock is read a little after what it is read for.
                    self.assertGreater(seconds, -1, (step, row))
            for word in ("/graph?", "/metrics", "sql", "AWS_ENDPOINT_URL"):
                self.assertIn(word, result.stdout)

    def test_what_is_missing_is_told(self):
        result = run("--once", STAGELIGHT_BINARY="/nowhere/stagelight")
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("cargo build --release", result.stderr)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "file").touch()
            result = run("--folder", folder)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn("not an empty folder", result.stderr)


class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.compose = yaml.safe_load((LOCAL / "compose.yaml").read_text())
        cls.services = cls.compose["services"]

    def config(self, name):
        return yaml.safe_load(self.compose["configs"][name]["content"])

    def test_names_are_of_what_is_there(self):
        for name, service in self.services.items():
            for other in service.get("depends_on", {}):
                self.assertIn(other, self.services, name)
            for config in service.get("configs", []):
                self.assertIn(config["source"], self.compose["configs"], name)
            self.assertRegex(service["image"], r":.*\d|^stagelight:local$", "an image has a version")
            for port in service.get("ports", []):
                self.assertTrue(port.startswith("127.0.0.1:"), port)

    def test_paths_are_there(self):
        paths = []
        for service in self.services.values():
            paths += [LOCAL / volume.split(":")[0] for volume in service.get("volumes", [])]
            if "build" in service:
                context = LOCAL / service["build"]["context"]
                paths.append(context / service["build"]["dockerfile"])
        absent = [path for path in {path.resolve() for path in paths} if not path.exists()]
        self.assertEqual(absent, [])

    def test_files_of_containers_are_ours(self):
        for service in self.services.values():
            text = " ".join(service.get("command", []))
            for name in re.findall(r"/local/([\w.]+)", text):
                self.assertTrue((LOCAL / name).exists(), name)
        provider = DEPLOY / "grafana/provisioning/dashboards/stagelight.yaml"
        path = yaml.safe_load(provider.read_text())["providers"][0]["options"]["path"]
        targets = [volume.split(":")[1] for volume in self.services["grafana"]["volumes"]]
        self.assertIn(path, targets)

    def test_stagelight_knows_its_settings(self):
        stagelight = binary(self)
        checked = 0
        for name, service in self.services.items():
            if service["image"] != "stagelight:local":
                continue
            (command,) = service["command"]
            answer = subprocess.run(
                [stagelight, command, "--help"], capture_output=True, text=True, check=True
            )
            for variable in service["environment"]:
                if not variable.startswith("AWS_"):
                    self.assertIn(f"[env: {variable}]", answer.stdout, name)
                    checked += 1
        self.assertGreater(checked, 0)

    def test_all_speak_of_the_same_places(self):
        port = self.services["emulator"]["environment"]["GATEWAY_PORT"]
        host = self.services["emulator"]["environment"]["MINISTACK_HOST"]
        self.assertEqual(host, "emulator")
        url = f"http://{host}:{port}"
        spark = " ".join(self.services["spark"]["command"])
        self.assertIn(f"spark.eventLog.dir=s3a://{cloud.LOGS}/{cloud.PREFIX}", spark)
        self.assertIn(f"fs.s3a.endpoint={url}", spark)
        self.assertEqual(
            self.services["worker"]["environment"]["STAGELIGHT_QUEUE_URL"],
            f"{url}/000000000000/{cloud.QUEUE}",
        )
        for service in self.services.values():
            environment = service.get("environment", {})
            self.assertEqual(environment.get("AWS_ENDPOINT_URL", url), url)
            self.assertEqual(environment.get("STAGELIGHT_LAKE", cloud.LAKE), cloud.LAKE)

    def test_prometheus_scrapes_where_they_listen(self):
        scraped = {
            target
            for job in self.config("prometheus")["scrape_configs"]
            for static in job["static_configs"]
            for target in static["targets"]
        }
        listening = {
            f"{name}:{service['environment']['STAGELIGHT_LISTEN'].split(':')[1]}"
            for name, service in self.services.items()
            if "STAGELIGHT_LISTEN" in service.get("environment", {})
        }
        self.assertEqual(scraped, listening)

    def test_prometheus_and_alertmanager_take_their_configuration(self):
        for tool, words, name in (
            ("promtool", ["check", "config"], "prometheus"),
            ("amtool", ["check-config"], "alertmanager"),
        ):
            if not shutil.which(tool):
                skip(self, f"{tool} is not installed")
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"{name}.yaml"
                path.write_text(self.compose["configs"][name]["content"])
                shutil.copy(DEPLOY / "prometheus/rules.yaml", folder)
                result = subprocess.run([tool, *words, path], capture_output=True, text=True)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_the_emulator_and_hadoop_are_those_of_the_requirements(self):
        pins = dict(
            line.split("==")
            for line in (LOCAL / "requirements.txt").read_text().splitlines()
            if "==" in line
        )
        self.assertTrue(self.services["emulator"]["image"].endswith(f":{pins['ministack']}"))
        self.assertIn(f":{pins['pyspark']}-", self.services["spark"]["image"])


if __name__ == "__main__":
    unittest.main()
