"""The image: its Dockerfile linted and held to what it promises, and the build context to what it needs."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
WORKFLOWS = sorted(ROOT.joinpath(".github/workflows").glob("*.yml"))


def tool(name):
    found = shutil.which(Path(sys.prefix) / "bin" / name) or shutil.which(name)
    if not found and os.environ.get("STAGELIGHT_REQUIRE_TOOLS"):
        raise AssertionError(f"{name} is missing")
    if not found:
        raise unittest.SkipTest(f"{name} is missing: see deploy/tests/install.sh")
    return found


def instructions():
    """The Dockerfile's instructions and what they say, in order; of here documents, their text too."""
    text = re.sub(r"\\\n", " ", "\n".join(
        line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")))
    for found in re.finditer(r"^([A-Z]+) (<<EOF\n(?s:.*?)\nEOF|.*)$", text, re.M):
        yield found[1], found[2].strip()


def stages():
    """Each stage: its image, its name if it has one, and its instructions."""
    found = []
    for name, said in instructions():
        if name == "FROM":
            image, _, stage = re.sub(r"--platform=\S+ ", "", said).partition(" AS ")
            found.append((image, stage, []))
        elif found:
            found[-1][2].append((name, said))
    return found


def context():
    """What .dockerignore leaves of the files that git has. The last pattern that matches decides."""
    rules = []
    for line in ROOT.joinpath(".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            keeps, pattern = line.startswith("!"), line.removeprefix("!")
            # `*` ends at a slash, `**` does not; what is below a match matches.
            regex = re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
            rules.append((keeps, re.compile(rf"{regex}(/.*)?")))
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                           cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    for file in filter(None, files):
        decided = [keeps for keeps, rule in rules if rule.fullmatch(file)]
        if not decided or decided[-1]:
            yield Path(file)


class Dockerfile(unittest.TestCase):
    def test_is_linted(self):
        done = subprocess.run([tool("hadolint"), "--no-color", DOCKERFILE], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_images_have_versions(self):
        arguments = dict(said.split("=", 1) for name, said in instructions() if name == "ARG" and "=" in said)
        names = {name for _, name, _ in stages()}
        for image, _, _ in stages():
            image = re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], image)
            if image not in names:
                with self.subTest(image=image):
                    self.assertRegex(image, r":[\w.-]+(@sha256:[0-9a-f]{64})?$")
                    self.assertNotIn(":latest", image)
                    self.assertNotIn(":debug", image)

    def test_rust_is_new_enough(self):
        needed = re.search(r'^rust-version = "(.*)"', ROOT.joinpath("Cargo.toml").read_text(), re.M)[1]
        for file in [DOCKERFILE, *WORKFLOWS]:
            for version in re.findall(r"\brust:([\d.]+)", file.read_text()):
                with self.subTest(file=file.name):
                    self.assertEqual(version, needed)

    def test_binary_and_image_are_of_one_debian(self):
        text = DOCKERFILE.read_text()
        releases = {"12": "bookworm", "13": "trixie"}
        self.assertEqual(releases[re.search(r"distroless/cc-debian(\d+)", text)[1]],
                         re.search(r"ARG RUST_IMAGE=rust:[\d.]+-(\w+)", text)[1])

    def test_last_stage_has_the_binary_and_no_more(self):
        image, _, last = stages()[-1]
        said = {}
        for name, what in last:
            said.setdefault(name, []).append(what)
        self.assertNotIn("RUN", said)
        self.assertEqual(said["COPY"], ["--from=build /out/stagelight /usr/local/bin/stagelight"])
        self.assertEqual(json.loads(said["ENTRYPOINT"][0]), ["/usr/local/bin/stagelight"])
        self.assertRegex(said["USER"][0], r"^[1-9]\d{3,}:[1-9]\d{3,}$")
        labels = set(re.findall(r"org\.opencontainers\.image\.(\w+)=", " ".join(said["LABEL"])))
        self.assertLessEqual({"title", "description", "licenses", "version", "revision"}, labels)
        for argument in "VERSION", "REVISION":
            self.assertIn(argument, said["ARG"])
            self.assertIn(f"${{{argument}}}", " ".join(said["LABEL"]))

    def test_ports_are_those_of_the_binary(self):
        defaults = set(re.findall(r"127\.0\.0\.1:(\d+)", ROOT.joinpath("crates/cli/src/args.rs").read_text()))
        exposed = {port for name, said in stages()[-1][2] if name == "EXPOSE" for port in said.split()}
        self.assertLessEqual(exposed, defaults)
        self.assertTrue(exposed)

    def test_runs_on_every_processor(self):
        text = "\n".join(said for name, said in instructions() if name == "RUN")
        self.assertNotIn("target-cpu", text)
        self.assertIn("--locked", text)
        self.assertIn("--profile dist", text)

    def test_copies_only_from_stages_that_come_before(self):
        before = set()
        for _, name, inside in stages():
            for instruction, said in inside:
                for source in re.findall(r"--from=(\S+)", said if instruction == "COPY" else ""):
                    self.assertIn(source, before)
            before.add(name)


class Context(unittest.TestCase):
    def test_has_what_the_sources_include(self):
        files = set(context())
        folders = {folder for file in files for folder in file.parents}
        found = 0
        for source in files:
            if source.suffix != ".rs" or "tests" in source.stem:
                continue
            text = ROOT.joinpath(source).read_text()
            for name in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', text):
                found += 1
                self.assertIn(Path(os.path.normpath(source.parent / name)), files, source)
            package = Path(*source.parts[:2])
            for name in re.findall(r'include_dir!\("\$CARGO_MANIFEST_DIR/([^"]+)"', text):
                found += 1
                self.assertIn(Path(os.path.normpath(package / name)), folders, source)
        self.assertGreater(found, 5)

    def test_is_a_workspace(self):
        cargo = tool("cargo")
        with tempfile.TemporaryDirectory() as folder:
            for file in context():
                made = Path(folder, file)
                made.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / file, made)
            done = subprocess.run([cargo, "metadata", "--locked", "--no-deps", "--format-version", "1"],
                                  cwd=folder, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            targets = [target["name"] for package in json.loads(done.stdout)["packages"] for target in package["targets"]]
            self.assertIn("stagelight", targets)

    def test_has_nothing_else(self):
        tops = {file.parts[0] for file in context()}
        self.assertEqual(tops, {"Cargo.lock", "Cargo.toml", "benches", "crates", "sql", "testdata"})


class Workflows(unittest.TestCase):
    def test_are_for_arm64(self):
        try:
            import yaml
        except ImportError:
            tool("yaml")
        self.assertTrue(WORKFLOWS)
        for file in WORKFLOWS:
            with self.subTest(file=file.name):
                jobs = yaml.safe_load(file.read_text())["jobs"]
                self.assertIn("ubuntu-24.04-arm", {job["runs-on"] for job in jobs.values()})
                text = file.read_text()
                for path in re.findall(r"(?:file|--file|run): ?\s*(\.?[\w.]+(?:/[\w.-]+)+)", text):
                    self.assertTrue(ROOT.joinpath(path).exists(), path)


if __name__ == "__main__":
    unittest.main()
