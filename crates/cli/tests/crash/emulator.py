"""S3 and SQS on this machine: a real server, in memory, started and stopped with the test."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "crash",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
}
STARTS_WITHIN = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Emulator:
    def __init__(self, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = os.environ | {
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "SERVICES": "s3,sqs,sns,events,sts,iam",
            "LOG_LEVEL": "WARNING",
        }
        program = Path(sys.prefix) / "bin" / "ministack"
        self.log = open(Path(folder) / "emulator.log", "wb")
        self.process = subprocess.Popen(
            [program], env=environment, stdout=self.log, stderr=subprocess.STDOUT
        )
        self._wait()
        # More connections than threads of the test: none waits for another.
        config = Config(max_pool_connections=32, retries={"max_attempts": 5})
        clients = {"endpoint_url": self.url, "region_name": CREDENTIALS["AWS_REGION"],
                   "aws_access_key_id": CREDENTIALS["AWS_ACCESS_KEY_ID"],
                   "aws_secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
                   "config": config}
        self.s3 = boto3.client("s3", **clients)
        self.sqs = boto3.client("sqs", **clients)

    def _wait(self):
        until = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"ministack does not start; see {self.log.name}")

    def queue(self, name):
        """The URL of a new queue."""
        return self.sqs.create_queue(QueueName=name)["QueueUrl"]

    def announce(self, bucket, prefix, queue_url):
        """S3 tells the queue of every object that is created in the bucket below the prefix."""
        names = ["QueueArn"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        rule = {"Name": "prefix", "Value": prefix}
        notification = {
            "QueueArn": attributes["Attributes"]["QueueArn"],
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [rule]}},
        }
        self.s3.put_bucket_notification_configuration(
            Bucket=bucket,
            NotificationConfiguration={"QueueConfigurations": [notification]},
        )

    def depth(self, queue_url):
        """How many messages a queue has, whoever holds them."""
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        answer = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        return sum(int(answer["Attributes"].get(name, 0)) for name in names)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
