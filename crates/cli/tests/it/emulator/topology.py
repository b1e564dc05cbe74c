"""Buckets and queues as a company has them: S3 tells SQS of new objects, directly below `direct/`,
through SNS below `sns/`, through EventBridge below `bridge/`, and not at all below `quiet/`.

Prints the URLs of the queue and of its dead-letter queue.
"""

import json
import sys

import boto3

settings = {
    "endpoint_url": sys.argv[1],
    "region_name": "us-east-1",
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
}
s3, sqs, sns, events = (boto3.client(name, **settings) for name in ("s3", "sqs", "sns", "events"))


def queue(name, **attributes):
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, found["Attributes"]["QueueArn"]


def below(prefix):
    return {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}


dead_url, dead_arn = queue("dead")
redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": "3"})
url, arn = queue("events", RedrivePolicy=redrive)
for bucket in ("logs", "lakes"):
    s3.create_bucket(Bucket=bucket)
topic = sns.create_topic(Name="logs")["TopicArn"]
sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
pattern = {"source": ["aws.s3"], "detail": {"object": {"key": [{"prefix": "bridge/"}]}}}
events.put_rule(Name="logs", EventPattern=json.dumps(pattern), State="ENABLED")
events.put_targets(Rule="logs", Targets=[{"Id": "events", "Arn": arn}])
created = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
s3.put_bucket_notification_configuration(
    Bucket="logs",
    NotificationConfiguration={
        "QueueConfigurations": [{"QueueArn": arn, "Events": created, "Filter": below("direct/")}],
        "TopicConfigurations": [{"TopicArn": topic, "Events": created, "Filter": below("sns/")}],
        "EventBridgeConfiguration": {},
    },
)
print(json.dumps({"queue": url, "dead": dead_url}))
