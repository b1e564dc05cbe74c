"""The chart: what it renders, for every set of values in deploy/helm/ci, and what it refuses."""

import functools
import gzip
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/stagelight"
RULES = ROOT / "deploy/prometheus/rules.yaml"
CACHE = Path.home() / ".cache/stagelight"
SETS = sorted((ROOT / "deploy/helm/ci").glob("*.yaml"))
MINIMAL = ROOT / "deploy/helm/ci/minimal.yaml"

sys.path.insert(0, str(ROOT / "deploy/helm"))
import schema  # noqa: E402


def tool(name: str, *places: str | Path | None) -> str:
    """The first of the places that can be run; a test that misses it is skipped, or fails."""
    for place in filter(None, places):
        if found := shutil.which(place):
            return found
    if os.environ.get("STAGELIGHT_REQUIRE_TOOLS"):
        raise AssertionError(f"{name} is missing")
    raise unittest.SkipTest(f"{name} is missing: see deploy/tests/install.sh")


def binary() -> str:
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    built = [Path(target) / "release/stagelight", Path(target) / "debug/stagelight"]
    return tool("stagelight", os.environ.get("STAGELIGHT_BINARY"), *built)


def promtool() -> str:
    return tool("promtool", "promtool")


def helm(*args: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run([tool("helm", CACHE / "helm/helm", "helm"), *args], capture_output=True, text=True)


@functools.cache
def render(*args: str | Path, chart: Path = CHART) -> list[dict]:
    """The manifests of a set of values, in the namespace `spark`."""
    done = helm("template", "stagelight", chart, "--namespace", "spark", *args)
    if done.returncode:
        raise AssertionError(done.stderr)
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def rendered():
    """Each set of values, by name, and its manifests."""
    for file in SETS:
        yield file.stem, render("--values", file)


def kinds(manifests: list[dict], *names: str) -> list[dict]:
    return [manifest for manifest in manifests if manifest["kind"] in names]


def name(manifest: dict) -> str:
    return manifest["metadata"]["name"]


def pods(manifests: list[dict]) -> dict[str, dict]:
    """Each template of pods, with metadata and spec, by what it is part of."""
    found = {}
    for manifest in manifests:
        match manifest["kind"]:
            case "Pod":
                template = manifest
            case "Deployment":
                template = manifest["spec"]["template"]
            case "CronJob":
                template = manifest["spec"]["jobTemplate"]["spec"]["template"]
            case _:
                continue
        found[f"{manifest['kind']} {name(manifest)}"] = template
    return found


def containers(template: dict) -> list[dict]:
    return template["spec"].get("initContainers", []) + template["spec"]["containers"]


def config(manifests: list[dict]) -> str:
    """The configuration file, which every set has."""
    return next(m["data"]["config.toml"] for m in kinds(manifests, "ConfigMap") if "config.toml" in m["data"])


def environment(container: dict) -> dict[str, str]:
    return {variable["name"]: variable.get("value", "") for variable in container["env"]}


def mebibytes(quantity: str) -> int:
    return int(quantity[:-2]) * {"Mi": 1, "Gi": 1024}[quantity[-2:]]


class Manifests(unittest.TestCase):
    def each(self):
        for values, manifests in rendered():
            with self.subTest(values):
                yield manifests

    def test_lint(self):
        for file in SETS:
            with self.subTest(file.stem):
                done = helm("lint", "--strict", CHART, "--values", file)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_schemas_of_kubernetes(self):
        """With the oldest version that the chart says it is for, and the newest that we know."""
        oldest = re.search(r"[0-9]+[.][0-9]+", chart()["kubeVersion"])[0]
        newest = max(kubernetes_validate.latest_version(), oldest, key=lambda v: int(v.split(".")[1]))
        for manifests in self.each():
            for manifest in manifests:
                if is_custom(manifest):
                    continue
                for version in [oldest, newest]:
                    with self.subTest(f"{manifest['kind']} {name(manifest)}", version=version):
                        kubernetes_validate.validate(manifest, version, strict=True)

    def test_schemas_of_custom_resources(self):
        node = tool("node", "node")
        tool("the schemas of custom resources", "true" if (CACHE / "crds/node_modules").is_dir() else None)
        custom = [manifest for _, manifests in rendered() for manifest in manifests if is_custom(manifest)]
        script = Path(__file__).with_name("crds.mjs")
        done = subprocess.run([node, script, CACHE / "crds"], input=json.dumps(custom), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout), [])
        self.assertEqual(
            {manifest["kind"] for manifest in custom},
            {"ServiceMonitor", "PodMonitor", "PrometheusRule", "ScaledObject", "TriggerAuthentication"},
        )

    def test_names(self):
        for manifests in self.each():
            names = [(manifest["kind"], name(manifest)) for manifest in manifests]
            self.assertEqual(len(names), len(set(names)), "two objects of one name")
            for manifest in manifests:
                self.assertLessEqual(len(name(manifest)), longest(manifest))
                self.assertRegex(name(manifest), r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")

    def test_long_names(self):
        long = "--set=fullnameOverride=" + "a" * 60
        for manifest in render(f"--values={MINIMAL}", long):
            self.assertLessEqual(len(name(manifest)), longest(manifest))

    def test_selectors(self):
        """What selects pods selects those of one role; what names something names what is there."""
        for manifests in self.each():
            labels = {where: template["metadata"]["labels"] for where, template in pods(manifests).items()}

            def selected(selector: dict) -> list[str]:
                return [where for where, have in labels.items() if selector.items() <= have.items()]

            services = {}
            for manifest in manifests:
                spec, where = manifest.get("spec", {}), f"{manifest['kind']} {name(manifest)}"
                match manifest["kind"]:
                    case "Deployment":
                        self.assertEqual(selected(spec["selector"]["matchLabels"]), [where])
                    case "Service":
                        services[where] = manifest
                        [target] = selected(spec["selector"])
                        ports = {p["name"]: p["containerPort"] for p in ports_of(pods(manifests)[target])}
                        for port in spec["ports"]:
                            self.assertEqual(ports[port["targetPort"]], port["port"])
                    case "PodDisruptionBudget" | "PodMonitor":
                        [target] = selected(spec["selector"]["matchLabels"])
                        for endpoint in spec.get("podMetricsEndpoints", []):
                            self.assertIn(endpoint["port"], [p["name"] for p in ports_of(pods(manifests)[target])])
                    case "ScaledObject" | "HorizontalPodAutoscaler":
                        self.assertIn(f"Deployment {spec['scaleTargetRef']['name']}", labels)
                    case "NetworkPolicy":
                        self.assertEqual(selected(spec["podSelector"]["matchLabels"]), list(labels))
                        [rule] = spec["ingress"]
                        open_ports = {port["port"] for port in rule["ports"]}
                        for template in pods(manifests).values():
                            self.assertLessEqual({p["containerPort"] for p in ports_of(template)}, open_ports)
            for monitor in kinds(manifests, "ServiceMonitor"):
                selector = monitor["spec"]["selector"]["matchLabels"]
                [service] = [s for s in services.values() if selector.items() <= s["metadata"]["labels"].items()]
                for endpoint in monitor["spec"]["endpoints"]:
                    self.assertIn(endpoint["port"], [port["name"] for port in service["spec"]["ports"]])
            for trigger in [t for m in kinds(manifests, "ScaledObject") for t in m["spec"]["triggers"]]:
                if reference := trigger.get("authenticationRef"):
                    self.assertIn(reference["name"], map(name, kinds(manifests, "TriggerAuthentication")))

    def test_references_of_pods(self):
        """Accounts, volumes and mounts are there, or values say that they are elsewhere."""
        for file in SETS:
            values, manifests = yaml.safe_load(file.read_text()), render("--values", file)
            said = json.dumps(values)
            for where, template in pods(manifests).items():
                with self.subTest(file.stem, pod=where):
                    account = template["spec"]["serviceAccountName"]
                    if account not in map(name, kinds(manifests, "ServiceAccount")):
                        self.assertIn(json.dumps(account), said)
                    volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
                    for container in containers(template):
                        mounted = [mount["name"] for mount in container["volumeMounts"]]
                        self.assertEqual(set(mounted), set(volumes))
                    for maps in re.findall(r'"configMap": {"name": ("[^"]*")', json.dumps(volumes)):
                        if json.loads(maps) not in map(name, kinds(manifests, "ConfigMap")):
                            self.assertIn(maps, said)

    def test_replicas_are_said_by_one(self):
        """The Deployment, or what scales it; never both, and never two of those."""
        for manifests in self.each():
            scalers = kinds(manifests, "ScaledObject", "HorizontalPodAutoscaler")
            scaled = {scaler["spec"]["scaleTargetRef"]["name"] for scaler in scalers}
            self.assertLessEqual(len(scalers), 1)
            for deployment in kinds(manifests, "Deployment"):
                self.assertEqual("replicas" in deployment["spec"], name(deployment) not in scaled)

    def test_pods_stop_after_they_have_drained(self):
        for manifests in self.each():
            drain = tomllib.loads(config(manifests)).get("worker", {}).get("drain-timeout")
            for where, template in pods(manifests).items():
                if template["metadata"]["labels"]["app.kubernetes.io/component"] == "worker":
                    self.assertGreater(template["spec"]["terminationGracePeriodSeconds"], int(drain.removesuffix("s")))

    def test_restricted_pods(self):
        """The restricted Pod Security Standard, and a root file system that is only read."""
        for manifests in self.each():
            for where, template in pods(manifests).items():
                with self.subTest(where):
                    self.assertEqual(violations(template["spec"]), [])

    def test_changes_restart_pods(self):
        def checksums(*args):
            templates = pods(render(f"--values={MINIMAL}", *args)).values()
            return {template["metadata"]["annotations"]["checksum/config"] for template in templates}

        before = checksums()
        for change in ["serve.config.max-series=2000", "serve.metrics.a\\.sql=SELECT 1", "lake=s3://other/lake"]:
            self.assertFalse(before & checksums("--set", change), change)

    def test_graviton(self):
        for choice, expected in [
            ("prefer", "preferredDuringSchedulingIgnoredDuringExecution"),
            ("require", "requiredDuringSchedulingIgnoredDuringExecution"),
            ("any", None),
        ]:
            for template in pods(render(f"--values={MINIMAL}", f"--set=graviton={choice}")).values():
                affinity = template["spec"].get("affinity", {}).get("nodeAffinity", {})
                self.assertEqual(list(affinity), [expected] if expected else [])

    def test_regions(self):
        """The region is read from the queue's URL, and from nothing that looks like one."""
        for url, region in [
            ("https://sqs.eu-central-1.amazonaws.com/1/logs", "eu-central-1"),
            ("https://sqs-fips.us-gov-west-1.amazonaws.com/1/logs", "us-gov-west-1"),
            ("https://vpce-1.sqs.ap-southeast-2.vpce.amazonaws.com/1/logs", "ap-southeast-2"),
            ("https://sqs.cn-north-1.amazonaws.com.cn/1/logs", "cn-north-1"),
            ("http://emulator:4566/0/my-spark-logs-1", None),
            ("https://queue.amazonaws.com/1/sqs.logs-eu-west-1.fifo", None),
        ]:
            for template in pods(render(f"--values={MINIMAL}", f"--set=queueUrl={url}")).values():
                self.assertEqual(environment(template["spec"]["containers"][0]).get("AWS_REGION"), region)


class Binary(unittest.TestCase):
    """What pods tell the binary, asked of the binary."""

    @classmethod
    def setUpClass(cls):
        cls.binary = binary()
        cls.place = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.place.cleanup)
        cls.folder = Path(cls.place.name)
        cls.lake = cls.folder / "lake"
        logs = sorted((ROOT / "testdata/logs").rglob("*.zstd"), key=lambda log: log.stat().st_size)[:1]
        cls.run_binary("ingest", *logs, "--lake", cls.lake)

    @classmethod
    def run_binary(cls, *args, **variables) -> subprocess.CompletedProcess:
        return subprocess.run(
            [cls.binary, *args], capture_output=True, text=True, env=clean_environment() | variables, timeout=60
        )

    def test_flags_and_variables(self):
        flags = {command: schema.help_of(self.binary, command) for command in [*schema.ROLES, "sql"]}
        for values, manifests in rendered():
            for where, template in pods(manifests).items():
                for container in containers(template):
                    with self.subTest(values, pod=where):
                        command, *args = container["args"]
                        self.assertIn(command, flags)
                        for flag in [arg for arg in args if arg.startswith("-")]:
                            self.assertIn(flag.lstrip("-").split("=")[0], flags[command])
                        for variable in environment(container):
                            if variable.startswith("STAGELIGHT_"):
                                flag = variable.removeprefix("STAGELIGHT_").lower().replace("_", "-")
                                self.assertIn(flag, flags[command])

    def test_ports_are_the_defaults(self):
        """So that documents that name one are right of pods as well."""
        for where, template in pods(render("--values", MINIMAL)).items():
            for port in ports_of(template):
                listen = schema.help_of(self.binary, template["spec"]["containers"][0]["args"][0])["listen"]
                self.assertIn(f":{port['containerPort']}]", listen["description"])

    def test_configuration_is_accepted(self):
        """Each role gets as far as the lake, or a worker its queue, and neither can be there."""
        for values, manifests in rendered():
            file = self.folder / "config.toml"
            file.write_text(config(manifests))
            for where, template in pods(manifests).items():
                with self.subTest(values, pod=where):
                    [container] = containers(template)
                    variables = {n: v for n, v in environment(container).items() if n.startswith("STAGELIGHT_")}
                    variables |= {"STAGELIGHT_CONFIG": str(file), "STAGELIGHT_LAKE": "/dev/null/lake"}
                    variables |= {"STAGELIGHT_LISTEN": "127.0.0.1:0", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
                    if container["args"][0] == "serve":
                        variables |= {"STAGELIGHT_METRICS_DIR": str(self.folder)}
                    done = self.run_binary(*container["args"], **variables)
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertRegex(done.stderr, "/dev/null/lake|dispatch failure")

    def test_memory_fits_the_limits(self):
        for values, manifests in rendered():
            settings = tomllib.loads(config(manifests))
            for where, template in pods(manifests).items():
                [container] = containers(template)
                section = settings.get(container["args"][0], {})
                limit = mebibytes(container["resources"]["limits"]["memory"])
                for setting in {"memory-mib", "in-flight-mib"} & section.keys():
                    with self.subTest(values, pod=where, setting=setting):
                        self.assertLess(section[setting], limit)

    def test_serve_and_the_test_pod(self):
        """`serve`, with more metrics, answers its probes as its pod is set up, and the test pod asks its lake."""
        manifests = render("--values", ROOT / "deploy/helm/ci/everything.yaml")
        [serve] = [t for where, t in pods(manifests).items() if where.endswith("-serve")]
        [tested] = [t for where, t in pods(manifests).items() if where.startswith("Pod ")]
        file = self.folder / "whole.toml"
        file.write_text(config(manifests))
        metrics = self.folder / "metrics"
        metrics.mkdir()
        for manifest in kinds(manifests, "ConfigMap"):
            for key, text in manifest["data"].items():
                if key.endswith(".sql"):
                    (metrics / key).write_text(text)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        variables = {
            "STAGELIGHT_CONFIG": str(file),
            "STAGELIGHT_LAKE": str(self.lake),
            "STAGELIGHT_LISTEN": f"127.0.0.1:{port}",
            "STAGELIGHT_METRICS_DIR": str(metrics),
        }
        [asks] = containers(tested)
        done = self.run_binary(*asks["args"], **variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("segments", done.stdout)

        [container] = containers(serve)
        process = subprocess.Popen([self.binary, *container["args"]], env=clean_environment() | variables, stderr=subprocess.DEVNULL)
        try:
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
                self.assertEqual(get(port, container[probe]["httpGet"]["path"])[0], 200, probe)
            self.assertIn("acme_runs 1", get(port, "/metrics")[1])
        finally:
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(20), 0)

    def test_generated_files(self):
        for path, text in schema.generated(schema.flags_of(self.binary)).items():
            self.assertEqual(path.read_text(), text, f"{path.name}: run deploy/helm/schema.py")

    def test_every_setting_can_be_said(self):
        """Whatever the schema lets through under `config` is a setting to the binary."""
        samples = {"integer": 5000, "boolean": True, "array": ["lost_after=36h"], "string": "s3://bucket/x"}
        properties = json.loads((CHART / "values.schema.json").read_text())["properties"]
        lines = []
        for role in ["", *schema.ROLES]:
            lines += [f"[{role}]"] if role else []
            for flag, about in (properties[role]["properties"] if role else properties)["config"]["properties"].items():
                value = samples[about.get("type", "string")]
                lines.append(f"{flag} = {json.dumps('30h' if 'DURATION' in flag else about.get('enum', [value])[0])}")
        file = self.folder / "all.toml"
        file.write_text("\n".join(lines))
        done = self.run_binary("sql", "SELECT 1", STAGELIGHT_CONFIG=str(file), STAGELIGHT_LAKE=str(self.lake), STAGELIGHT_LOG="warn")
        self.assertEqual(done.returncode, 0, done.stderr)


class Values(unittest.TestCase):
    def setUp(self):
        self.schema = json.loads((CHART / "values.schema.json").read_text())

    def test_schema_is_one(self):
        jsonschema.Draft7Validator.check_schema(self.schema)

    def test_every_value_is_described(self):
        """In a comment of values.yaml, which the schema has as well; and the schema knows nothing else."""
        values = yaml.safe_load((CHART / "values.yaml").read_text())
        comments = schema.comments_of((CHART / "values.yaml").read_text())

        def walk(path: str, value: object, about: dict):
            if path.endswith((".requests", ".limits")) or not isinstance(value, dict) or not value:
                self.assertIn(path, comments)
            if "additionalProperties" in about and not about["additionalProperties"]:
                self.assertTrue(path == "" or "config" in path or path.endswith("pod") or set(value) == set(about["properties"]))
                for key, child in about["properties"].items():
                    if "type" in child and child["type"] != "object":
                        self.assertTrue(child.get("description"), f"{path}.{key}")
            if isinstance(value, dict) and path not in comments:
                for key, child in value.items():
                    walk(f"{path}.{key}".lstrip("."), child, about["properties"][key])

        for key, value in values.items():
            walk(key, value, self.schema["properties"][key])
        self.assertTrue(all(comments.values()))

    def test_objects_are_closed(self):
        """A value that is not known is refused, wherever values have names of ours."""
        def walk(path: str, about: dict):
            if "properties" in about and not path.endswith(("requests", "limits")):
                self.assertIs(about.get("additionalProperties"), False, path)
            for key, child in about.get("properties", {}).items():
                walk(f"{path}.{key}", child)

        walk("", self.schema)

    def test_everything_says_everything(self):
        """The set `everything` has each value, and another than by default."""
        given = yaml.safe_load((ROOT / "deploy/helm/ci/everything.yaml").read_text())
        kept = {"worker.enabled", "serve.enabled", "maintain.enabled", "worker.serviceAccount.create"}
        kept |= {"maintain.serviceAccount.create", "serve.serviceAccount.roleArn", "serve.serviceAccount.annotations"}
        kept |= {f"monitoring.{what}.enabled" for what in ["scrape", "rules", "dashboards"]} | {"networkPolicy.enabled"}

        def walk(path: str, value: object, given: object):
            if isinstance(value, dict) and value:
                for key, child in value.items():
                    walk(f"{path}.{key}".lstrip("."), child, given.get(key) if isinstance(given, dict) else None)
            elif path not in kept:
                self.assertNotIn(given, [None, value], path)

        walk("", yaml.safe_load((CHART / "values.yaml").read_text()), given)

    def test_wrong_values_are_refused(self):
        """With a message that has the value's name."""
        for wrong, message in [
            ("lake=", "lake: say where the lake is"),
            ("queueUrl=", "queueUrl: name the SQS queue"),
            ("image.repository=", "image.repository: name the image"),
            ("lake=bucket/lake", "/lake"),
            ("queueUrl=spark-logs", "/queueUrl"),
            ("lakes=s3://b/l", "lakes"),
            ("graviton=yes", "/graviton"),
            ("image.tag=1", "/image/tag"),
            ("worker.replica=2", "replica"),
            ("worker.replicas=-1", "/worker/replicas"),
            ("worker.replicas=two", "/worker/replicas"),
            ("worker.config.queue-url=https://x/y", "queue-url"),
            ("worker.config.commit-every=1s", "commit-every"),
            ("worker.config.commit-after=1", "/worker/config/commit-after"),
            ("worker.config.in-flight-mib=1024", "worker.config.in-flight-mib: 1024 MiB do not fit"),
            ("worker.config.log=debug", "log"),
            ("worker.config.reconcile-every=1h", "prefix required"),
            ("maintain.config.clean-after=90d", "clean-logs required"),
            ("maintain.config.clean-logs=s3://b/logs", "clean-after"),
            ("config.log-format=xml", "/config/log-format"),
            ("serve.config.memory-mib=2048", "serve.config.memory-mib: 2048 MiB for questions do not fit"),
            ("maintain.config.memory-mib=4096", "maintain.config.memory-mib"),
            ("serve.resources.limits.memory=2000000000", "/serve/resources/limits/memory"),
            ("serve.resources.limits.memory=null", "memory"),
            ("serve.replicas=2", "replicas"),
            ("serve.metrics.a=SELECT 1", "invalid propertyName a"),
            ("serve.spill=big", "/serve/spill"),
            ("serve.serviceAccount.create=false", "serve.serviceAccount.name: name the account"),
            ("serve.serviceAccount.roleArn=reader", "/serve/serviceAccount/roleArn"),
            ("maintain.schedule=hourly", "/maintain/schedule"),
            ("worker.autoscaling.kind=vpa", "/worker/autoscaling/kind"),
            ("worker.autoscaling.minReplicas=9", "minReplicas is more than maxReplicas"),
            ("worker.autoscaling.kind=hpa,worker.autoscaling.minReplicas=0", "worker.autoscaling.minReplicas"),
            ("worker.autoscaling.kind=keda,worker.autoscaling.keda.age.from=prometheus", "keda.age.prometheus: say where"),
            ("worker.autoscaling.kind=keda,queueUrl=http://emulator/0/q", "region: KEDA has to be told"),
            ("monitoring.rules.omit={SparkIsSlow}", "there is no alert SparkIsSlow"),
            ("monitoring.scrape.interval=often", "/monitoring/scrape/interval"),
        ]:
            with self.subTest(wrong):
                done = helm("template", "stagelight", CHART, "--values", MINIMAL, "--set", wrong)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(message, done.stderr.replace("'", ""))


class Monitoring(unittest.TestCase):
    def test_rules_are_those_of_prometheus(self):
        [rules] = kinds(render("--values", MINIMAL), "PrometheusRule")
        self.assertEqual(rules["spec"]["groups"], yaml.safe_load(RULES.read_text())["groups"])

    def test_rules_pass_promtool(self):
        """As every set of values has them; and those of the minimal set pass the tests of the rules."""
        checker = promtool()
        with tempfile.TemporaryDirectory() as folder:
            for values, manifests in rendered():
                for rules in kinds(manifests, "PrometheusRule"):
                    file = Path(folder) / "rules.yaml"
                    file.write_text(yaml.safe_dump(rules["spec"]))
                    commands = [[checker, "check", "rules", file]]
                    if values == MINIMAL.stem:
                        tests = shutil.copy(RULES.with_name("rules.test.yaml"), folder)
                        commands.append([checker, "test", "rules", tests])
                    for command in commands:
                        with self.subTest(values, command=command[1:3]):
                            done = subprocess.run(command, capture_output=True, text=True)
                            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_omitted_alerts_and_labels(self):
        [rules] = kinds(render("--values", ROOT / "deploy/helm/ci/everything.yaml"), "PrometheusRule")
        alerts = [rule for group in rules["spec"]["groups"] for rule in group["rules"] if "alert" in rule]
        self.assertNotIn("SparkCoresIdle", [alert["alert"] for alert in alerts])
        self.assertIn("SparkApplicationFailed", [alert["alert"] for alert in alerts])
        for alert in alerts:
            self.assertEqual(alert["labels"]["team"], "data")
            self.assertIn("severity", alert["labels"])

    def test_jobs(self):
        """The rules ask for the job that serve is scraped as, KEDA for the workers'; the labels of
        applications are not those of pods."""
        manifests = render("--values", ROOT / "deploy/helm/ci/irsa-keda.yaml")
        [serve], [worker] = kinds(manifests, "ServiceMonitor"), kinds(manifests, "PodMonitor")
        [scaled] = kinds(manifests, "ScaledObject")
        [endpoint] = serve["spec"]["endpoints"]
        asked = set(re.findall(r'job="([^"]*)"', RULES.read_text()))
        self.assertEqual(asked, {job_of(endpoint)})
        self.assertTrue(endpoint["honorLabels"])
        dropped = [r["regex"] for r in endpoint["relabelings"] if r.get("action") == "labeldrop"]
        self.assertEqual(set("|".join(dropped).split("|")), {"namespace", "pod", "container", "service", "endpoint"})
        [query] = [t["metadata"]["query"] for t in scaled["spec"]["triggers"] if t["type"] == "prometheus"]
        self.assertIn(f'job="{job_of(worker["spec"]["podMetricsEndpoints"][0])}"', query)
        self.assertIn('namespace="spark"', query)

    def test_metrics_of_keda_exist(self):
        """The query parses, and a worker has the families that it names."""
        checker = promtool()
        source = (ROOT / "crates/ingest/src/worker_metrics.rs").read_text()
        for _, manifests in rendered():
            for trigger in [t for m in kinds(manifests, "ScaledObject") for t in m["spec"]["triggers"]]:
                if trigger["type"] != "prometheus":
                    continue
                query = trigger["metadata"]["query"]
                for family in set(re.findall(r"stagelight_\w+", query)):
                    self.assertIn(f'"{re.sub("_(sum|count|bucket)$", "", family)}"', source)
                rules = {"groups": [{"name": "g", "rules": [{"record": "age", "expr": query}]}]}
                with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                    yaml.safe_dump(rules, file)
                    file.flush()
                    done = subprocess.run([checker, "check", "rules", file.name], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_dashboards(self):
        """None, several, those that are there, and one that is too large; braces stay as they are."""
        with tempfile.TemporaryDirectory() as folder:
            chart = Path(folder) / "stagelight"
            shutil.copytree(CHART, chart)
            dashboards = chart / "files/dashboards"
            for there in dashboards.glob("*.json"):
                there.unlink()

            def maps(variant: int):
                args = ("--values", MINIMAL, f"--set=pod.labels.variant=v{variant}")
                return [m for m in kinds(render(*args, chart=chart), "ConfigMap") if "-dashboard-" in name(m)]

            self.assertEqual(maps(0), [])
            texts = {f"board_{n}.json": json.dumps({"title": f"{{{{ app_name }}}} {n}", "uid": str(n)}, indent=2) for n in range(3)}
            for file, text in texts.items():
                (dashboards / file).write_text(text)
            self.assertEqual({file: json.loads(text) for m in maps(1) for file, text in m["data"].items()},
                             {file: json.loads(text) for file, text in texts.items()})
            for manifest in maps(1):
                self.assertEqual(manifest["metadata"]["labels"]["grafana_dashboard"], "1")
            (dashboards / "large.json").write_text(json.dumps("x" * 1_000_001))
            with self.assertRaisesRegex(AssertionError, "large.json is larger than a ConfigMap may be"):
                maps(2)
        ours = sorted(path.name for path in (ROOT / "deploy/grafana/dashboards").glob("*.json"))
        found = [file for m in kinds(render("--values", MINIMAL), "ConfigMap") for file in m["data"] if file.endswith(".json")]
        self.assertEqual(sorted(found), ours)


class Package(unittest.TestCase):
    def test_versions(self):
        workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
        self.assertEqual(chart()["appVersion"], workspace)

    def test_the_package_has_what_it_links_to(self):
        """And fits, with what it renders, into the Secret of a release."""
        with tempfile.TemporaryDirectory() as folder:
            done = helm("package", CHART, "--destination", folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            [package] = Path(folder).iterdir()
            with tarfile.open(package) as archive:
                files = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
        self.assertEqual(files["stagelight/files/rules.yaml"], RULES.read_bytes())
        for board in (ROOT / "deploy/grafana/dashboards").glob("*.json"):
            self.assertEqual(files[f"stagelight/files/dashboards/{board.name}"], board.read_bytes())
        release = json.dumps([text.decode() for text in files.values()]) + json.dumps(render("--values", MINIMAL))
        self.assertLess(len(gzip.compress(release.encode())) * 4 / 3, 900_000)

    def test_notes(self):
        """They are printed, and name what the chart makes."""
        done = helm("install", "stagelight", CHART, "--dry-run=client", "--namespace", "spark", "--values", MINIMAL)
        self.assertEqual(done.returncode, 0, done.stderr)
        notes = done.stdout[done.stdout.index("NOTES:"):]
        manifests = {f"{m['kind'].lower()}/{name(m)}" for m in render("--values", MINIMAL)}
        for kind, said in re.findall(r"\b(deploy|svc|cronjob)/([a-z-]+)", notes):
            self.assertIn(f"{ {'deploy': 'deployment', 'svc': 'service'}.get(kind, kind) }/{said}", manifests)
        for command in re.findall(r"-- stagelight (\w+)", notes):
            self.assertIn(command, ["sql"])


def chart() -> dict:
    return yaml.safe_load((CHART / "Chart.yaml").read_text())


def is_custom(manifest: dict) -> bool:
    return manifest["apiVersion"].split("/")[0] in {"keda.sh", "monitoring.coreos.com"}


def longest(manifest: dict) -> int:
    """How long a name may be: a CronJob's has to leave room for its pods', a ConfigMap's is a file's."""
    return 253 if manifest["kind"] == "ConfigMap" else 52


def ports_of(template: dict) -> list[dict]:
    return [port for container in containers(template) for port in container.get("ports", [])]


def job_of(endpoint: dict) -> str:
    return next(r["replacement"] for r in endpoint["relabelings"] if r.get("targetLabel") == "job")


def clean_environment() -> dict[str, str]:
    """Ours without what could be a setting, and with keys, so that nobody is asked for some."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("STAGELIGHT_", "AWS_"))}
    return kept | {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "eu-central-1"}


def get(port: int, path: str) -> tuple[int, str]:
    """What is answered with 200, or in the end."""
    until = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            answered = error.code, error.read().decode()
        except urllib.error.URLError as error:
            answered = 0, str(error)
        if time.monotonic() > until:
            return answered
        time.sleep(0.2)


def violations(spec: dict) -> list[str]:
    """What the restricted Pod Security Standard has against a pod."""
    found = [f"has {field}" for field in ["hostNetwork", "hostPID", "hostIPC"] if spec.get(field)]
    allowed = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
    for volume in spec.get("volumes", []):
        found += [f"volume of type {kind}" for kind in volume.keys() - {"name"} - allowed]
    pod = spec.get("securityContext", {})
    if pod.get("sysctls"):
        found.append("sets sysctls")
    for container in containers({"spec": spec}):
        own = container.get("securityContext", {})
        either = pod | own
        checks = {
            "may be root": either.get("runAsNonRoot") is True and either.get("runAsUser") != 0,
            "has no seccomp profile": either.get("seccompProfile", {}).get("type") in {"RuntimeDefault", "Localhost"},
            "may escalate": own.get("allowPrivilegeEscalation") is False,
            "keeps capabilities": own.get("capabilities", {}).get("drop") == ["ALL"]
            and set(own["capabilities"].get("add", [])) <= {"NET_BIND_SERVICE"},
            "is privileged": not own.get("privileged"),
            "has another procMount": own.get("procMount", "Default") == "Default",
            "writes to its root": own.get("readOnlyRootFilesystem") is True,
            "has host ports": not any(port.get("hostPort") for port in container.get("ports", [])),
            "has a token of the API server": spec.get("automountServiceAccountToken") is False,
        }
        found += [f"{container['name']} {wrong}" for wrong, fine in checks.items() if not fine]
    return found


if __name__ == "__main__":
    unittest.main()
