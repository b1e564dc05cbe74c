"""Makes the chart's values.schema.json and README.md of its values.yaml and of the binary's flags.

    STAGELIGHT_BINARY=target/release/stagelight python deploy/helm/schema.py

A value is written once, in values.yaml: its default says the type and the comment above it what it
means. What a default cannot say (a pattern, a choice) is in RULES below. The settings of a command
are what `stagelight COMMAND --help` lists.
"""

import fnmatch
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

CHART = Path(__file__).resolve().parent / "stagelight"
ROLES = ["worker", "serve", "maintain"]

# Flags that the chart sets itself: each has a value of its own, or follows from one.
OF_THE_CHART = {"lake", "config", "listen", "queue-url", "metrics-dir", "drain-timeout"}

CLEANING = ["clean-after", "clean-max-logs", "clean-max-gib"]

TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
OBJECTS = {"type": "array", "items": {"type": "object"}}
QUANTITY = {"type": ["string", "number"], "pattern": "^[0-9]+([.][0-9]+)?(m|[kMGT]i?)?$"}
MEBIBYTES = {"type": "string", "pattern": "^[1-9][0-9]*(Mi|Gi)$"}
ROLE_ARN = {"pattern": "^(|arn:aws[a-z-]*:iam::[0-9]{12}:role/.+)$"}
RESOURCES = {
    "type": "object",
    "additionalProperties": QUANTITY,
    "properties": {
        "cpu": QUANTITY | {"description": "Processors."},
        "memory": MEBIBYTES | {"description": "Memory, in Mi or Gi."},
    },
}

# What a default does not say, by the paths that it is about; * is any part of one.
RULES = {
    "lake": {"pattern": "^(|s3://[^/]+.*|/.+)$"},
    "queueUrl": {"pattern": "^(|https?://[^/]+/.+)$"},
    "region": {"pattern": "^(|[a-z]{2}(-[a-z]+)+-[0-9]+)$"},
    "fullnameOverride": {"pattern": "^(|[a-z]([a-z0-9-]*[a-z0-9])?)$"},
    "image.digest": {"pattern": "^(|sha256:[0-9a-f]{64})$"},
    "image.pullPolicy": {"enum": ["IfNotPresent", "Always", "Never"]},
    # What the binary asks of flags that are said together, and cannot ask of those in a file.
    "worker.config": {"dependencies": {"reconcile-every": ["prefix"]}},
    "maintain.config": {
        "dependencies": {flag: ["clean-logs"] for flag in CLEANING} | {
            "clean-logs": {"anyOf": [{"required": [flag]} for flag in CLEANING]}
        }
    },
    "graviton": {"enum": ["prefer", "require", "any"]},
    "listenAddress": {"enum": ["0.0.0.0", "[::]"]},
    "*annotations": TEXTS,
    "*labels": TEXTS,
    "*.nodeSelector": TEXTS,
    "*.affinity": {"type": "object", "additionalProperties": {"type": "object"}},
    "*.env": OBJECTS,
    "*.envFrom": OBJECTS,
    "*.imagePullSecrets": OBJECTS,
    "*.tolerations": OBJECTS,
    "*.volumes": OBJECTS,
    "*.volumeMounts": OBJECTS,
    "*.topologySpread": OBJECTS,
    "networkPolicy.from": OBJECTS,
    "networkPolicy.https": OBJECTS,
    "networkPolicy.egress": OBJECTS,
    "*.resources.requests": RESOURCES,
    "*.resources.limits": RESOURCES | {"required": ["memory"]},
    "*.spill": MEBIBYTES,
    "*.serviceAccount.roleArn": ROLE_ARN,
    "worker.maxUnavailable": {"type": ["integer", "string"], "pattern": "^[0-9]+%$"},
    "worker.autoscaling.kind": {"enum": ["none", "keda", "hpa"]},
    "worker.autoscaling.maxReplicas": {"minimum": 1},
    "worker.autoscaling.hpa.cpuPercent": {"minimum": 1},
    "worker.autoscaling.keda.messages": {"minimum": 1},
    "worker.autoscaling.keda.pollingSeconds": {"minimum": 1},
    "worker.autoscaling.keda.identityOwner": {"enum": ["keda", "workload"]},
    "worker.autoscaling.keda.roleArn": ROLE_ARN,
    "worker.autoscaling.keda.age.from": {"enum": ["cloudwatch", "prometheus", "none"]},
    "worker.autoscaling.keda.age.seconds": {"minimum": 1},
    "worker.autoscaling.keda.age.prometheus": {"pattern": "^(|https?://.+)$"},
    "maintain.deadlineSeconds": {"minimum": 60},
    "maintain.schedule": {"pattern": "^(@[a-z]+|[^ ]+( +[^ ]+){4})$"},
    "serve.metrics": {
        "type": "object",
        "propertyNames": {"pattern": "^[A-Za-z0-9._-]+[.]sql$"},
        "additionalProperties": {"type": "string"},
    },
    "monitoring.scrape.interval": {"pattern": "^([0-9]+(ms|s|m|h))+$"},
    "monitoring.rules.omit": {"type": "array", "items": {"type": "string"}},
}


def main() -> None:
    for path, text in generated(flags_of(os.environ.get("STAGELIGHT_BINARY", "stagelight"))).items():
        path.write_text(text)


def generated(flags: dict[str, dict[str, dict]]) -> dict[Path, str]:
    """The text of each file that is made."""
    text = (CHART / "values.yaml").read_text()
    values = yaml.safe_load(text)
    comments = comments_of(text)
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart stagelight",
    } | schema_of("", values, comments, flags)
    # Charts that have this one as a dependency may say `global`, and what turns it on or off.
    for name in ["global", "enabled"]:
        schema["properties"][name] = {"description": "Of a chart around this one."}
    return {
        CHART / "values.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
        CHART / "README.md": readme(values, comments),
    }


def comments_of(text: str) -> dict[str, str]:
    """The comment above each key of block style, by the key's path."""
    comments: dict[str, str] = {}
    above: list[str] = []
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        if match := re.match(r" *# ?(.*)", line):
            above.append(match[1])
            continue
        if match := re.match(r"( *)([A-Za-z0-9_-]+):", line):
            indent = len(match[1])
            path = [part for part in path if part[0] < indent] + [(indent, match[2])]
            if above:
                comments[".".join(name for _, name in path)] = " ".join(above)
        above = []
    return comments


def schema_of(path: str, value: object, comments: dict[str, str], flags: dict) -> dict:
    """The schema of a value whose default is `value`."""
    schema: dict = {}
    if path in comments:
        schema["description"] = comments[path]
    rule = next((rule for glob, rule in RULES.items() if fnmatch.fnmatchcase(path, glob)), {})
    if re.fullmatch(r"(\w+\.)?config", path):
        command = path.removesuffix("config").removesuffix(".")
        return schema | of(flags[command]) | rule
    if re.fullmatch(r"\w+\.pod", path):
        pod = yaml.safe_load((CHART / "values.yaml").read_text())["pod"]
        return schema | schema_of("pod", pod, comments, flags) | schema
    match value:
        case bool():
            schema["type"] = "boolean"
        case int():
            schema |= {"type": "integer", "minimum": 0}
        case str():
            schema["type"] = "string"
        case dict() if "additionalProperties" not in rule:
            below = path + "." if path else ""
            schema |= of({name: schema_of(below + name, v, comments, flags) for name, v in value.items()})
    return schema | rule


def of(properties: dict[str, dict]) -> dict:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def flags_of(binary: str) -> dict[str, dict[str, dict]]:
    """The schema of each setting that values may have, by command; "" has those of all commands."""
    listed = {command: help_of(binary, command) for command in ["", *ROLES]}
    everywhere = listed[""]
    return {
        command: {
            name: schema
            for name, schema in flags.items()
            if name not in OF_THE_CHART and (command == "" or name not in everywhere)
        }
        for command, flags in listed.items()
    }


def help_of(binary: str, command: str) -> dict[str, dict]:
    """The schema of each flag that --help lists."""
    args = [binary, *([command] if command else []), "--help"]
    text = subprocess.run(args, check=True, capture_output=True, text=True).stdout
    parts = re.split(r"^ {2,6}(?:-\w, )?--([a-z-]+)(?: <([A-Z=]+)>)?$", text, flags=re.M)[1:]
    flags = {}
    for name, kind, about in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        about = re.split(r"^\S", about, maxsplit=1, flags=re.M)[0]
        choices = re.findall(r"^ +- (\w+):", about, flags=re.M)
        default = re.search(r"\[default: (.*?)\]", about, flags=re.S)
        said = re.split(r"\[env:|Possible values:", about)[0]
        if default and "[default:" not in said:
            said += f" [default: {default[1]}]"
        flags[name] = {"description": " ".join(said.split())} | of_kind(kind, choices)
    return {name: flag for name, flag in flags.items() if name not in {"help", "version"}}


def of_kind(kind: str | None, choices: list[str]) -> dict:
    """What the flags of a value's name take."""
    if choices:
        return {"enum": choices}
    match kind:
        case None:
            return {"type": "boolean"}
        case "DURATION":
            return {"type": "string", "pattern": "^([0-9]+[smhdwy])+$"}
        case "N" | "MIB" | "GIB" | "BYTES":
            return {"type": "integer", "minimum": 0}
        case "NAME=VALUE":
            return {"type": "array", "items": {"type": "string", "pattern": "^[a-z_0-9]+=.+$"}}
        case _:
            return {"type": "string", "minLength": 1}


def readme(values: dict, comments: dict[str, str]) -> str:
    """What the chart says of itself: each value with its default and meaning."""
    rows = [
        f"| `{path}` | {default} | {comments[path].replace('|', chr(92) + '|')} |"
        for path, default in defaults("", values, comments)
    ]
    return "\n".join([
        "# Values of the chart",
        "",
        "Made of `values.yaml` by `deploy/helm/schema.py`; [how to use it](../README.md). Settings",
        "(`config`, `worker.config`, `serve.config`, `maintain.config`) have the names of the flags that",
        "`stagelight COMMAND --help` lists.",
        "",
        "| value | default | what it is |",
        "| --- | --- | --- |",
        *rows,
        "",
    ])


def defaults(path: str, value: dict, comments: dict[str, str]):
    """Each value that has a comment, and its default where that is no group of values."""
    for name, default in value.items():
        below = f"{path}.{name}" if path else name
        group = isinstance(default, dict) and any(key.startswith(below + ".") for key in comments)
        if below in comments:
            yield below, "" if group else f"`{json.dumps(default)}`"
        if isinstance(default, dict):
            yield from defaults(below, default, comments)


if __name__ == "__main__":
    sys.exit(main())
