"""A proxy before S3 that fails as S3 and networks do: errors, slow and cut answers, lost ones."""

import http.client
import random
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"}

# What may happen to a request, and how often that is among those to which something happens.
FAULTS = {
    "internal_error": 4,
    "slow_down": 4,
    "reset": 2,
    "slow": 3,
    "cut": 4,
    "lost_answer": 3,
    "stale_etag": 2,
}
SLOW_SECONDS = 1.5


def error(code, message):
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code>'
    return f"{text}<Message>{message}</Message></Error>".encode()


class FaultProxy:
    """Passes on what it gets; one request of so many goes wrong while `rate` is above zero."""

    def __init__(self, port, seed):
        self.upstream = port
        self.rate = 0.0
        self.counts = Counter()
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        proxy = self

        class Handler(_Handler):
            pass

        Handler.proxy = proxy
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def fault(self):
        """What happens to the next request; `None` for nothing."""
        with self._lock:
            self.counts["requests"] += 1
            if self._random.random() >= self.rate:
                return None
            return self._random.choices(list(FAULTS), FAULTS.values())[0]

    def count(self, fault):
        with self._lock:
            self.counts[fault] += 1

    def part(self, length):
        """Where a body of so many bytes is cut."""
        with self._lock:
            return self._random.randrange(length)

    def close(self):
        self._server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy = None

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.proxy.fault()
        if fault == "stale_etag" and "If-Match" not in self.headers:
            fault = None
        if fault == "cut" and self.command != "GET":
            fault = None
        if fault:
            self.proxy.count(fault)
        if fault == "internal_error":
            return self.answer(500, error("InternalError", "the test says so"))
        if fault == "slow_down":
            return self.answer(503, error("SlowDown", "the test says so"))
        if fault == "stale_etag":
            return self.answer(412, error("PreconditionFailed", "another version answered"))
        if fault == "reset":
            return self.hang_up()
        if fault == "slow":
            time.sleep(SLOW_SECONDS)
        status, headers, answer = self.forward(body)
        # It was done, and nobody learns of it.
        if fault == "lost_answer":
            return self.hang_up()
        cut = self.proxy.part(len(answer)) if fault == "cut" and answer else None
        self.answer(status, answer, headers, cut)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def forward(self, body):
        upstream = http.client.HTTPConnection("127.0.0.1", self.proxy.upstream, timeout=60)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
            headers.pop("Expect", None)
            upstream.request(self.command, self.path, body=body or None, headers=headers)
            response = upstream.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            upstream.close()

    def answer(self, status, body, headers=(), cut=None):
        self.send_response_only(status)
        length = len(body)
        for name, value in headers:
            if name.lower() == "content-length":
                length = int(value)
            elif name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        if self.command != "HEAD":
            length = len(body)
        if status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.hang_up()

    def hang_up(self):
        self.close_connection = True
        self.wfile.flush()

    def handle_one_request(self):
        # A client that was killed is no news.
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError, http.client.HTTPException):
            self.close_connection = True

    def log_message(self, *_):
        pass
