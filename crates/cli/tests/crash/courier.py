"""Carries what S3 announces to the queue of the workers, as badly as messages can be carried."""

import heapq
import json
import threading
import time
import uuid
from collections import Counter
from urllib.parse import unquote_plus

BUCKET = "logs"
LATE_SECONDS = 4.0


class Courier:
    def __init__(self, emulator, announced, events, random):
        self._sqs = emulator.sqs
        self._announced = announced
        self._events = events
        self._random = random
        self._later = []
        self._stop = threading.Event()
        self.counts = Counter()
        self.failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def is_done(self):
        """Whether everything that it was given has been sent."""
        return not self._later

    def close(self):
        self._stop.set()
        self._thread.join()

    def _run(self):
        try:
            while not self._stop.is_set():
                self._collect()
                self._send_due()
        except Exception as error:  # The test must hear of it, whatever it is.
            self.failure = error

    def _collect(self):
        answer = self._sqs.receive_message(
            QueueUrl=self._announced, MaxNumberOfMessages=10, WaitTimeSeconds=0
        )
        messages = answer.get("Messages", [])
        if not messages:
            time.sleep(0.05)
            return
        records = []
        for message in messages:
            records += json.loads(message["Body"]).get("Records", [])
        self._random.shuffle(records)
        while records:
            together = self._random.choice([1, 1, 1, 2, 5])
            self._plan([records.pop() for _ in range(min(together, len(records)))])
        for message in messages:
            self._sqs.delete_message(
                QueueUrl=self._announced, ReceiptHandle=message["ReceiptHandle"]
            )

    def _plan(self, records):
        """Says when these records are told of, and how often; and what nonsense between."""
        times = self._random.choice([1, 1, 1, 2, 3])
        for number in range(times):
            self._at(self._random.uniform(0, LATE_SECONDS), *self._wrapped(records))
            self.counts["repeated"] += number > 0
        if self._random.random() < 0.1:
            self._at(self._random.uniform(0, LATE_SECONDS), *self._noise(records[0]))

    def _at(self, seconds, kind, body):
        due = time.monotonic() + seconds
        heapq.heappush(self._later, (due, uuid.uuid4().hex, kind, body))

    def _send_due(self):
        while self._later and self._later[0][0] <= time.monotonic():
            # It is taken away when it was sent: who asks whether all is sent must not miss it.
            _, _, kind, body = self._later[0]
            self._sqs.send_message(QueueUrl=self._events, MessageBody=body)
            heapq.heappop(self._later)
            self.counts[kind] += 1

    def _wrapped(self, records):
        kind = self._random.choice(["s3", "s3", "sns", "eventbridge"])
        if kind == "eventbridge" and len(records) > 1:
            kind = "sns"
        text = json.dumps({"Records": records})
        if kind == "s3":
            return kind, text
        if kind == "sns":
            return kind, json.dumps(
                {
                    "Type": "Notification",
                    "MessageId": str(uuid.uuid4()),
                    "TopicArn": "arn:aws:sns:us-east-1:000000000000:logs",
                    "Subject": "Amazon S3 Notification",
                    "Message": text,
                }
            )
        return kind, json.dumps(_eventbridge(records[0]))

    def _noise(self, record):
        kind = self._random.choice(
            ["test_event", "removal", "no_such_object", "other_prefix", "garbage"]
        )
        record = json.loads(json.dumps(record))
        if kind == "test_event":
            return kind, json.dumps(
                {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}
            )
        if kind == "garbage":
            return kind, self._random.choice(["", "{", "hello", '{"Records": 7}', "[]"]) or " "
        if kind == "removal":
            record["eventName"] = "ObjectRemoved:Delete"
        if kind == "no_such_object":
            record["s3"]["object"]["key"] = f"spark/gone/events_1_local-{self._random.random()}"
        if kind == "other_prefix":
            record["s3"]["object"]["key"] = "elsewhere/events_1_local-1"
        return kind, json.dumps({"Records": [record]})


def _eventbridge(record):
    """The event that EventBridge makes of a record; its keys are as they are."""
    s3 = record["s3"]
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": record["eventTime"],
        "region": "us-east-1",
        "detail": {
            "version": "0",
            "bucket": {"name": s3["bucket"]["name"]},
            "object": {
                "key": unquote_plus(s3["object"]["key"]),
                "size": s3["object"]["size"],
                "etag": s3["object"]["eTag"],
            },
            "reason": "PutObject",
        },
    }
