"""Workers that are killed, stopped and started again."""

import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

DRAIN_SECONDS = 60
# Longer than a message is hidden: who wakes up then has lost what it held.
ASLEEP_SECONDS = 8


class Failure(Exception):
    """What stagelight did must not happen."""


class Crew:
    """As many workers as there shall be, whatever becomes of them."""

    def __init__(self, command, environment, size, folder, random):
        self._command = command
        self._environment = environment
        self._folder = Path(folder)
        self._random = random
        self._number = 0
        self._asleep = []
        self._leaving = []
        self.counts = Counter()
        self.workers = [self._start() for _ in range(size)]

    def _start(self):
        self._number += 1
        log = self._folder / f"worker-{self._number}.log"
        with open(log, "wb") as out:
            process = subprocess.Popen(
                self._command, env=self._environment, stdout=out, stderr=subprocess.STDOUT
            )
        process.log = log
        return process

    def check(self):
        """Wakes who has slept enough; fails where a worker has ended by itself."""
        for worker in self.workers:
            if worker.poll() is not None:
                raise Failure(f"a worker has ended with {worker.returncode}:\n{tail(worker.log)}")
        for worker in [w for w in self._leaving if w.poll() is not None]:
            self._leaving.remove(worker)
            # It was told so before it could listen, and had not begun.
            unheard = worker.returncode == -signal.SIGTERM and not worker.log.read_bytes()
            if worker.returncode != 0 and not unheard:
                raise Failure(f"a drain has ended with {worker.returncode}:\n{tail(worker.log)}")
        for due, worker in [s for s in self._asleep if s[0] <= time.monotonic()]:
            self._asleep.remove((due, worker))
            worker.send_signal(signal.SIGCONT)

    def strike(self):
        """Kills a worker and starts another; or lets one leave, or sleep."""
        slot = self._random.randrange(len(self.workers))
        worker = self.workers[slot]
        kind = self._random.choices(["kill", "drain", "sleep"], [85, 10, 5])[0]
        if any(worker is asleep for _, asleep in self._asleep):
            kind = "kill"
        if kind == "kill" and not is_at_work(worker):
            kind = "idle kill"
        self.counts[kind] += 1
        if kind == "sleep":
            worker.send_signal(signal.SIGSTOP)
            self._asleep.append((time.monotonic() + ASLEEP_SECONDS, worker))
            return
        if kind == "drain":
            worker.terminate()
            self._leaving.append(worker)
        else:
            self._asleep = [s for s in self._asleep if s[1] is not worker]
            worker.kill()
            worker.wait()
        self.workers[slot] = self._start()

    def drain(self):
        """Lets all of them leave, which they must do well."""
        for _, worker in self._asleep:
            worker.send_signal(signal.SIGCONT)
        self._asleep = []
        for worker in self.workers:
            worker.terminate()
        self._leaving += self.workers
        self.workers = []
        until = time.monotonic() + DRAIN_SECONDS
        while self._leaving and time.monotonic() < until:
            self.check()
            time.sleep(0.1)
        if self._leaving:
            raise Failure(f"a worker does not end:\n{tail(self._leaving[0].log)}")

    def kill_all(self):
        for worker in self.workers + self._leaving:
            worker.kill()


def is_at_work(worker):
    """Whether it has admitted something since it has committed last."""
    log = worker.log.read_bytes()
    return log.rfind(b"admitted") > log.rfind(b"committed")


class Maintainer:
    """Maintains the lake again and again, and is killed now and then."""

    def __init__(self, command, environment, folder, random):
        self._random = random
        self._path = Path(folder) / "maintain.log"
        self._log = open(self._path, "wb")
        self._start = lambda: subprocess.Popen(
            command, env=environment, stdout=self._log, stderr=subprocess.STDOUT
        )
        self._stop = threading.Event()
        self._failure = None
        self.counts = Counter()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.5):
            before = self._path.stat().st_size
            process = self._start()
            dies = self._random.random() < 0.3
            try:
                code = process.wait(self._random.uniform(0.1, 3) if dies else DRAIN_SECONDS)
                if code == 0:
                    self.counts["whole"] += 1
                elif b"there is no lake" in self._path.read_bytes()[before:]:
                    self.counts["too early"] += 1
                else:
                    self._failure = f"maintain has ended with {code}:\n{tail(self._path)}"
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                self.counts["killed"] += 1

    def check(self):
        if self._failure:
            raise Failure(self._failure)

    def close(self):
        self._stop.set()
        self._thread.join()
        self._log.close()


def tail(log, lines=15):
    return "\n".join(line[:300] for line in log.read_text(errors="replace").splitlines()[-lines:])
