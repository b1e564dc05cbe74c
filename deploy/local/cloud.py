"""S3 and SQS on this machine, with what Terraform makes in AWS, and Spark's log carried into it."""

import json
import os
import sys
import threading
import time

LOGS = "spark-logs"
PREFIX = "events/"
QUEUE = "stagelight"
LAKE = "s3://stagelight-lake/spark"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": "us-east-1",
}
# A message that was received so often goes to the dead letters.
MAX_RECEIVES = 5
LOOKS_EVERY = 0.05


class Emulator:
    def __init__(self, processes, port):
        self.url = f"http://127.0.0.1:{port}"
        os.environ |= CREDENTIALS | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": CREDENTIALS["AWS_REGION"],
        }
        process = processes.start(
            "emulator",
            [sys.executable, "-m", "ministack"],
            GATEWAY_PORT=str(port),
            BIND_HOST="127.0.0.1",
            SERVICES="s3,sqs",
            LOG_LEVEL="WARNING",
        )
        processes.wait_ready(process, f"{self.url}/_ministack/health")
        import boto3

        self.s3 = boto3.client("s3")
        self.queue = provision(self.s3, boto3.client("sqs"))


def provision(s3, sqs):
    """Makes buckets, queue, dead letters and notification; gives the URL of the queue."""

    def queue(name, **attributes):
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, answer["Attributes"]["QueueArn"]

    s3.create_bucket(Bucket=LAKE.split("/")[2])
    s3.create_bucket(Bucket=LOGS)
    # Spark wants the folder of its logs to be there.
    s3.put_object(Bucket=LOGS, Key=PREFIX, Body=b"")
    _, dead_letters = queue("stagelight-dead-letters")
    policy = {"deadLetterTargetArn": dead_letters, "maxReceiveCount": MAX_RECEIVES}
    url, arn = queue(QUEUE, RedrivePolicy=json.dumps(policy))
    notification = {
        "QueueArn": arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": PREFIX}]}},
    }
    s3.put_bucket_notification_configuration(
        Bucket=LOGS, NotificationConfiguration={"QueueConfigurations": [notification]}
    )
    return url


class Uploader:
    """Puts a log's files into the bucket when S3A would: each at once, when it was closed.

    Spark closes a file of a rolling log before it opens the next, and the last one before the
    status file loses its `.inprogress`.
    """

    def __init__(self, s3, folder):
        self._s3 = s3
        self._folder = folder
        self._put = {}
        self._stop = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def arrived(self):
        """When each file was in the bucket, by its path in the folder."""
        if self._failure:
            raise self._failure
        return dict(self._put)

    def close(self):
        self._stop.set()
        self._thread.join()

    def _run(self):
        try:
            while not self._stop.wait(LOOKS_EVERY):
                for log in self._folder.iterdir():
                    self._carry(log)
        except Exception as error:  # Whoever asks what has arrived must hear of it.
            self._failure = error

    def _carry(self, log):
        names = {path.name for path in log.iterdir() if not path.name.startswith(".")}
        status = {name for name in names if name.startswith("appstatus_")}
        ended = any(not name.endswith(".inprogress") for name in status)
        segments = sorted(names - status, key=segment_of)
        for name in [*(segments if ended else segments[:-1]), *status]:
            key = f"{log.name}/{name}"
            if key not in self._put:
                # The status is the file's name alone; it may just have changed.
                body = b"" if name in status else (log / name).read_bytes()
                self._s3.put_object(Bucket=LOGS, Key=PREFIX + key, Body=body)
                self._put[key] = time.time()
        if ended:
            # To rename is to copy and to delete, in a bucket.
            for key in [key for key in self._put if key.endswith(".inprogress")]:
                self._s3.delete_object(Bucket=LOGS, Key=PREFIX + key)
                del self._put[key]


def segment_of(name):
    """The number of a file of a rolling log, `events_<number>_<application>`."""
    return int(name.split("_")[1])


if __name__ == "__main__":
    import boto3

    provision(boto3.client("s3"), boto3.client("sqs"))
