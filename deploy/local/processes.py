"""The programs of a run: started with a log each, watched, and stopped whatever happens."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

STARTS_WITHIN = 60
STOPS_WITHIN = 15
PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """What a person has to know; the run ends with it."""


class Processes:
    def __init__(self, logs):
        self._logs = logs
        self._running = []

    def start(self, name, command, **environment):
        log = self._logs / f"{name}.log"
        with open(log, "ab") as out:
            process = subprocess.Popen(
                [str(word) for word in command],
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for us, who stop the others in order.
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        process.name = name
        process.log = log
        self._running.append(process)
        return process

    def wait_ready(self, process, url):
        until = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < until:
            if process.poll() is not None:
                break
            try:
                get(url)
                return
            except OSError:
                time.sleep(0.1)
        raise Failure(f"{process.name} does not start:\n{tail(process.log)}")

    def check(self, *but):
        """Fails where one has ended that was to stay."""
        for process in self._running:
            if process not in but and process.poll() is not None:
                code = process.returncode
                raise Failure(f"{process.name} has ended with {code}:\n{tail(process.log)}")

    def finish(self, process):
        """Forgets one that has ended, and stops what it may have left."""
        self._running.remove(process)
        _signal(process, signal.SIGKILL)

    def stop(self):
        """Those that were started last first: nobody loses what it depends on."""
        while self._running:
            process = self._running.pop()
            _signal(process, signal.SIGTERM)
            try:
                process.wait(STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                pass
            _signal(process, signal.SIGKILL)
            process.wait()


def free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def tail(log, lines=15):
    return "\n".join(line[:300] for line in log.read_text(errors="replace").splitlines()[-lines:])


def _signal(process, number):
    """To all that it has started, too."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _end_with_parent():
    """Linux sends SIGTERM when whoever has started this one is gone, by SIGKILL say."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
