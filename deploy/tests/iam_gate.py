"""S3 and SQS behind an IAM policy: a proxy before the emulator, which lets everybody do everything.

Each request is taken for the actions that AWS' service authorization reference says it needs. What the
policy does not allow is answered as AWS would, and what was asked for is kept, so that a policy can be
held against what a program does: nothing refused, and nothing allowed that was never used. It knows what
the policies here say, and raises what else one might say.
"""

import json
import re
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from fnmatch import fnmatchcase
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

REFUSED_S3 = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
REFUSED_SQS = json.dumps({"__type": "com.amazonaws.sqs#AccessDeniedException",
                          "message": "Access to the resource is denied."}).encode()


class Gate:
    """Lets through to `emulator` what `policy` allows, at `url`. Objects seem to be older than they are
    by `age`: what waits for an age need not be waited for."""

    def __init__(self, emulator, policy, age=timedelta()):
        self.age = age
        self.statements = json.loads(policy)["Statement"]
        self.emulator = urlsplit(emulator).netloc
        self.used = set()
        self.refused = []
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One packet for each answer: else each waits for the one before to be acknowledged.
            wbufsize = -1
            disable_nagle_algorithm = True

            def __getattr__(self, name):
                if name.startswith("do_"):
                    return lambda: gate.answer(self)
                raise AttributeError(name)

            def handle(self):
                # Who asked may be gone before the answer.
                with suppress(ConnectionError):
                    super().handle()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        target = request.headers.get("X-Amz-Target", "")
        needs = sqs(target, body) if target else s3(request, body)
        refused = [need for need in needs if not self.allows(*need)]
        if refused:
            self.refused.extend(refused)
            return reply(request, *((400, REFUSED_SQS) if target else (403, REFUSED_S3)))
        status, headers, answer = self.forward(request, body)
        # Whether a key is missing is for who may list it to know: its name is the prefix.
        if status == 404 and request.command in ("GET", "HEAD") and needs[0][0] == "s3:GetObject":
            arn = needs[0][1]
            bucket, key = arn.split("/", 1)
            if not self.allows("s3:ListBucket", bucket, {"s3:prefix": key}):
                self.refused.append(("s3:ListBucket", bucket, key))
                return reply(request, 403, REFUSED_S3)
        return reply(request, status, self.aged(answer), [self.aged_header(*each) for each in headers])

    def aged(self, listing):
        def older(found):
            at = datetime.fromisoformat(found[1].decode()) - self.age
            return f"<LastModified>{at.isoformat(timespec='milliseconds')}</LastModified>".encode()
        return re.sub(rb"<LastModified>(.*?)</LastModified>", older, listing)

    def aged_header(self, name, value):
        if name.lower() == "last-modified":
            value = format_datetime(parsedate_to_datetime(value) - self.age, usegmt=True)
        return name, value

    def forward(self, request, body):
        connection = HTTPConnection(self.emulator, timeout=60)
        connection.request(request.command, request.path, body, dict(request.headers))
        answer = connection.getresponse()
        try:
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def allows(self, action, resource, context=None):
        for statement in self.statements:
            if statement["Effect"] != "Allow":
                raise NotImplementedError(statement)
            if (action in statement["Action"]
                    and any(fnmatchcase(resource, like) for like in statement["Resource"])
                    and holds(statement.get("Condition", {}), context or {})):
                self.used.add((statement["Sid"], action))
                return True
        return False


def holds(condition, context):
    """Whether a condition does. A key that a request does not have matches nothing."""
    for operator, keys in condition.items():
        if operator != "StringLike":
            raise NotImplementedError(operator)
        for key, patterns in keys.items():
            if not any(key in context and fnmatchcase(context[key], like) for like in patterns):
                return False
    return True


def sqs(target, body):
    """An entry of a batch needs what the call alone would."""
    action = target.rsplit(".", 1)[1].removesuffix("Batch")
    queue = json.loads(body)["QueueUrl"].rsplit("/", 1)[1]
    return [(f"sqs:{action}", f"arn:aws:sqs:us-east-1:000000000000:{queue}")]


def s3(request, body):
    url = urlsplit(request.path)
    bucket, _, key = unquote(url.path).lstrip("/").partition("/")
    query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
    arn = f"arn:aws:s3:::{bucket}"
    # It names the call to the SDK alone.
    sub = query.keys() - {"x-id", "partNumber"}
    match request.command, bool(key):
        case "GET", False if sub <= {"list-type", "prefix", "delimiter", "continuation-token",
                                     "max-keys", "start-after", "encoding-type"}:
            return [("s3:ListBucket", arn, {name: query[like] for name, like in
                                            [("s3:prefix", "prefix")] if like in query})]
        case "HEAD", False:
            return [("s3:ListBucket", arn)]
        case "POST", False if sub == {"delete"}:
            keys = re.findall(rb"<Key>(.*?)</Key>", body)
            return [("s3:DeleteObject", f"{arn}/{key.decode()}") for key in keys]
        case ("GET" | "HEAD"), True if not sub:
            return [("s3:GetObject", f"{arn}/{key}")]
        case ("PUT" | "POST"), True if sub <= {"uploads", "uploadId"}:
            needs = [("s3:PutObject", f"{arn}/{key}")]
            # Who asks for an ETag learns it.
            needs += [("s3:GetObject", f"{arn}/{key}")] * ("If-Match" in request.headers)
            copied = unquote(request.headers.get("x-amz-copy-source", "")).lstrip("/")
            return needs + [("s3:GetObject", f"arn:aws:s3:::{copied}")] * bool(copied)
        case "DELETE", True if sub == {"uploadId"}:
            return [("s3:AbortMultipartUpload", f"{arn}/{key}")]
        case "DELETE", True if not sub:
            needs = [("s3:DeleteObject", f"{arn}/{key}")]
            return needs + [("s3:GetObject", f"{arn}/{key}")] * ("If-Match" in request.headers)
    return [(f"unknown: {request.command} {request.path}", arn)]


def reply(request, status, body, headers=()):
    request.send_response_only(status)
    length = str(len(body))
    for name, value in headers:
        if name.lower() == "content-length":
            # Of a HEAD, that of the object.
            length = value if request.command == "HEAD" else length
        elif name.lower() not in ("transfer-encoding", "connection", "date", "server"):
            request.send_header(name, value)
    if status != 204:
        request.send_header("Content-Length", length)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)
