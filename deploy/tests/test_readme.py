"""The pages: links lead somewhere, commands and flags are the binary's, values the chart's, metrics and
alerts are those that there are."""

import functools
import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from test_helm import CHART, ROOT, RULES, binary, schema

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("deploy/**/*.md"))]
FLAG = re.compile(r"--?[A-Za-z][\w-]*")


def code(text: str) -> list[str]:
    """The text of each block of code: between fences, or indented."""
    fenced = re.findall(r"^```.*?\n(.*?)^```", text, re.M | re.S)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return fenced + re.findall(r"(?<=\n\n)(?: {4}.*\n(?:\n(?= {4}))?)+", rest)


def inline(text: str) -> list[str]:
    """What a text has between backticks, each on one line."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return [re.sub(r"\s+", " ", found) for found in re.findall(r"`([^`]+)`", text)]


def commands(block: str) -> list[list[str]]:
    """Each command of a block as words: a line, and those that its quotes or backslashes reach into."""
    found, line = [], ""
    for more in block.splitlines():
        line += more
        if line.endswith("\\"):
            line = line[:-1]
            continue
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            line += "\n"
            continue
        if words:
            found.append(words)
        line = ""
    return found


def of_stagelight(words: list[str]) -> list[str] | None:
    """What the binary is told, if it is the command, after variables or what runs it (`kubectl exec … --`)."""
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    if words[:2] == ["cargo", "run"]:
        return words[words.index("--") + 1 :]
    if words and words[0] != "stagelight" and "--" in words:
        words = words[words.index("--") + 1 :]
    return words[1:] if words[:1] == ["stagelight"] else None


def told() -> list[tuple[str, list[str]]]:
    """(page, arguments) of each time that a page has the binary run, or names how."""
    found = []
    for page in PAGES:
        text = page.read_text()
        lines = [words for block in code(text) for words in commands(block)]
        lines += [words for said in inline(text) if "stagelight " in said for words in commands(said)]
        found += [(str(page.relative_to(ROOT)), rest) for words in lines if (rest := of_stagelight(words))]
    return found


@functools.cache
def help_of(command: str) -> tuple[set[str], set[str]]:
    """Flags of a command, and those of them that want a value."""
    done = subprocess.run([binary(), *([command] if command else []), "--help"], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"stagelight has no command {command}")
    entries = re.findall(r"^ +(?:(-\w), )?(--[\w-]+)( <)?", done.stdout, re.M)
    flags = {name for short, long, _ in entries for name in (short, long) if name}
    return flags, {name for short, long, value in entries if value for name in (short, long) if name}


def wrong(arguments: list[str]) -> str | None:
    """What the binary would not understand of its arguments."""
    flags, valued = help_of("")
    words = iter(arguments)
    command = ""
    for word in words:
        if word in ("|", ";", "&&"):
            break
        if "…" in word:
            continue
        if FLAG.match(word):
            name = word.split("=")[0]
            if name not in flags:
                return f"{command or 'stagelight'} has no {name}"
            if name in valued and "=" not in word:
                next(words, None)
        elif not command:
            # `stagelight COMMAND --help` is of any.
            if word.isupper():
                return None
            command = word
            try:
                flags, valued = help_of(command)
            except AssertionError as error:
                return str(error)
    return None


@functools.cache
def families() -> set[str]:
    """Metrics of SQL files, of rules, and those that the binary counts itself."""
    declared = (re.search(r"^-- family: (\w+)", file.read_text(), re.M) for file in ROOT.glob("sql/metrics/*/*.sql"))
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    own = {
        name
        for file in ROOT.glob("crates/*/src/**/*.rs")
        for name in re.findall(r'"(stagelight_[a-z_]+)"', file.read_text())
    }
    return {found[1] for found in declared if found} | {r["record"] for r in rules if "record" in r} | own


class Pages(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for page in PAGES:
            text = re.sub(r"`[^`]*`", "", page.read_text())
            for link in re.findall(r"\]\(([^)\s]+)\)", text):
                if re.match(r"[a-z]+:", link):
                    continue
                with self.subTest(page=str(page.relative_to(ROOT)), link=link):
                    path, _, anchor = link.partition("#")
                    target = (page.parent / path).resolve() if path else page
                    self.assertTrue(target.exists())
                    if anchor:
                        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.M)
                        anchors = [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings]
                        self.assertIn(anchor, anchors)

    def test_commands_are_the_binarys(self):
        binary()
        found = told()
        self.assertGreater(len(found), 30)
        for page, arguments in found:
            with self.subTest(page=page, command=shlex.join(arguments)):
                self.assertIsNone(wrong(arguments))

    def test_questions_are_answered(self):
        """By a lake of one log; of an application that it does not have, with no row."""
        texts = {words[1] for _, words in told() if words[0] == "sql" and words[1:]}
        texts |= {text for page in PAGES for text in inline(page.read_text()) if text.startswith("SELECT ")}
        asked = sorted(text for text in texts if text.startswith("SELECT ") and not text.startswith("SELECT …"))
        self.assertGreater(len(asked), 5)
        with tempfile.TemporaryDirectory() as lake:
            run = functools.partial(subprocess.run, capture_output=True, text=True)
            run([binary(), "--lake", lake, "ingest", ROOT / "testdata/logs/rolled-40"])
            for question in asked:
                with self.subTest(question=question):
                    said = run([binary(), "--lake", lake, "sql", question]).stderr
                    self.assertTrue(not said or "there is no application" in said, said)

    def test_values_are_the_charts(self):
        values = yaml.safe_load((CHART / "values.yaml").read_text())
        flags = schema.flags_of(binary())
        found = 0
        for page in PAGES:
            for words in (words for block in code(page.read_text()) for words in commands(block)):
                for flag, value in zip(words, words[1:]):
                    if words[0] != "helm" or flag not in ("--set", "--set-string"):
                        continue
                    found += 1
                    with self.subTest(page=str(page.relative_to(ROOT)), value=value):
                        at, path = values, value.split("=")[0].split(".")
                        for name in path[:-1]:
                            at = at[name]
                        known = flags[path[-3]] if path[-2:-1] == ["config"] and len(path) == 3 else at
                        self.assertIn(path[-1], known)
        self.assertGreater(found, 3)

    def test_scripts_are_there(self):
        for page in PAGES:
            for words in (words for block in code(page.read_text()) for words in commands(block)):
                # There, `deploy/name` is a Deployment.
                for word in words if words[0] != "kubectl" else ():
                    if re.fullmatch(r"(deploy|benches|crates|testdata)/[\w./-]+", word):
                        with self.subTest(page=str(page.relative_to(ROOT)), path=word):
                            self.assertTrue((ROOT / word).exists())

    def test_metrics_and_alerts_exist(self):
        # Crates name log messages, and columns may be called so too.
        others = {f"stagelight_{folder.name}" for folder in (ROOT / "crates").iterdir()}
        for page in ("lake", "views"):
            others |= set(re.findall(r"^\| (\w+) \|", (ROOT / f"docs/{page}.md").read_text(), re.M))
        alerts = set(re.findall(r"alert: (\w+)", RULES.read_text()))
        found = 0
        for page in PAGES:
            for said in inline(page.read_text()) + code(page.read_text()):
                for name in re.findall(r"(?<![\w./-])(?:stagelight|spark)_[\w:]+\*?", said):
                    if name in others:
                        continue
                    found += 1
                    with self.subTest(page=str(page.relative_to(ROOT)), metric=name):
                        if name.endswith("*"):
                            self.assertTrue([one for one in families() if one.startswith(name[:-1])])
                        else:
                            self.assertTrue({name, re.sub("_(sum|count|bucket)$", "", name)} & families())
                for name in re.findall(r"\bStagelight[A-Z]\w+", said):
                    with self.subTest(page=str(page.relative_to(ROOT)), alert=name):
                        self.assertIn(name, alerts)
        self.assertGreater(found, 15)


if __name__ == "__main__":
    unittest.main()
