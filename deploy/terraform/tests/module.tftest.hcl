# The module as a whole, with what AWS would answer made up: no credentials, nothing is made.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "000000000000" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { region = "us-east-1" }
  }

  override_resource {
    target = aws_sqs_queue.logs
    values = {
      arn = "arn:aws:sqs:us-east-1:000000000000:stagelight"
      url = "https://sqs.us-east-1.amazonaws.com/000000000000/stagelight"
    }
  }
  override_resource {
    target = aws_sqs_queue.dead_letters
    values = {
      arn = "arn:aws:sqs:us-east-1:000000000000:stagelight-dead-letters"
      url = "https://sqs.us-east-1.amazonaws.com/000000000000/stagelight-dead-letters"
    }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:us-east-1:000000000000:rule/stagelight" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::000000000000:role/stagelight" }
  }
}

variables {
  logs_bucket  = "logs"
  logs_prefix  = "spark-events"
  lake_bucket  = "lake-of-logs"
  cluster_name = "analytics"
  notification = "eventbridge"
}

run "eventbridge" {
  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.logs[0].event_pattern) == {
      source        = ["aws.s3"]
      "detail-type" = ["Object Created"]
      detail        = { bucket = { name = ["logs"] }, object = { key = [{ prefix = "spark-events/" }] } }
    }
    error_message = "the rule is for this bucket and prefix"
  }

  assert {
    condition     = aws_cloudwatch_event_target.logs[0].arn == output.queue_arn
    error_message = "the rule is for the queue"
  }

  assert {
    condition     = length(aws_s3_bucket_notification.logs) == 0
    error_message = "what the bucket announces to others stays as it is"
  }

  assert {
    condition = jsondecode(aws_sqs_queue_policy.logs.policy).Statement[0] == {
      Sid       = "Announce"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = output.queue_arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.logs[0].arn } }
    }
    error_message = "the rule may send, and nobody else"
  }

  assert {
    condition = alltrue([
      for policy in [
        aws_sqs_queue_policy.logs.policy, aws_sqs_queue_policy.dead_letters.policy, aws_s3_bucket_policy.lake[0].policy
      ] :
      [for statement in jsondecode(policy).Statement : statement.Condition if statement.Effect == "Deny"] == [{ Bool = { "aws:SecureTransport" = "false" } }]
    ])
    error_message = "queues and lake refuse what comes without TLS"
  }

  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_policy.logs.redrive_policy) == { deadLetterTargetArn = output.dead_letter_queue_arn, maxReceiveCount = 10 }
    error_message = "the queue gives up to the dead-letter queue"
  }

  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_allow_policy.dead_letters.redrive_allow_policy) == { redrivePermission = "byQueue", sourceQueueArns = [output.queue_arn] }
    error_message = "and no other queue does"
  }

  assert {
    condition     = aws_sqs_queue.dead_letters.message_retention_seconds - aws_sqs_queue.logs.message_retention_seconds >= 172800
    error_message = "what is given up at the last moment is there for two days"
  }

  assert {
    condition     = aws_sqs_queue.logs.sqs_managed_sse_enabled && aws_sqs_queue.dead_letters.sqs_managed_sse_enabled
    error_message = "messages are encrypted"
  }

  assert {
    condition = toset([for made in aws_eks_pod_identity_association.this : "${made.cluster_name} ${made.namespace} ${made.service_account}"]) == toset([
      "analytics stagelight stagelight-worker", "analytics stagelight stagelight-serve", "analytics stagelight stagelight-maintain"
    ])
    error_message = "each service account has its role"
  }

  assert {
    condition = alltrue([
      for role, account in { worker = "stagelight-worker", serve = "stagelight-serve", maintain = "stagelight-maintain" } :
      jsondecode(aws_iam_role.this[role].assume_role_policy).Statement == [{
        Sid       = "PodIdentity"
        Effect    = "Allow"
        Action    = ["sts:AssumeRole", "sts:TagSession"]
        Principal = { Service = "pods.eks.amazonaws.com" }
        Condition = {
          StringEquals = {
            "aws:RequestTag/eks-cluster-name"           = "analytics"
            "aws:RequestTag/kubernetes-namespace"       = "stagelight"
            "aws:RequestTag/kubernetes-service-account" = account
          }
        }
      }]
    ])
    error_message = "a role is for one service account of one cluster"
  }

  assert {
    condition     = alltrue([for role, made in aws_iam_role_policy.this : made.policy == output.policies[role]])
    error_message = "each role has its own policy"
  }

  assert {
    condition     = alltrue(flatten([for rule in aws_s3_bucket_lifecycle_configuration.lake[0].rule : [length(rule.transition) == 0, [for expiration in rule.expiration : coalesce(expiration.days, 0) == 0 && expiration.date == null]]]))
    error_message = "no rule deletes or moves files of the lake"
  }

  assert {
    condition     = anytrue([for rule in aws_s3_bucket_lifecycle_configuration.lake[0].rule : length(rule.abort_incomplete_multipart_upload) == 1])
    error_message = "uploads that were not completed go"
  }

  assert {
    condition = yamldecode(output.helm_values) == {
      lake     = "s3://lake-of-logs/lake"
      queueUrl = output.queue_url
      region   = "us-east-1"
      worker   = { config = { prefix = "s3://logs/spark-events/" }, serviceAccount = { name = "stagelight-worker" } }
      serve    = { serviceAccount = { name = "stagelight-serve" } }
      maintain = { serviceAccount = { name = "stagelight-maintain" } }
    }
    error_message = "the chart gets what it needs"
  }
}

run "clean_logs" {
  variables {
    clean_logs = true
  }

  assert {
    condition     = [for role in keys(output.policies) : role if strcontains(output.policies[role], "DeleteLogs")] == ["maintain"]
    error_message = "maintain may delete logs, and nobody else"
  }
}

run "whole_bucket" {
  variables {
    logs_prefix = ""
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.logs[0].event_pattern).detail == { bucket = { name = ["logs"] } }
    error_message = "all keys of the bucket"
  }
}

run "suffix" {
  variables {
    logs_suffix = ".zstd"
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.logs[0].event_pattern).detail.object.key == [{ wildcard = "spark-events/*.zstd" }]
    error_message = "a key has both"
  }
}

run "suffix_of_whole_bucket" {
  variables {
    logs_prefix = ""
    logs_suffix = ".zstd"
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.logs[0].event_pattern).detail.object.key == [{ suffix = ".zstd" }]
    error_message = "a key has the suffix"
  }
}

run "eventbridge_enabled_here" {
  variables {
    enable_eventbridge = true
  }

  assert {
    condition     = aws_s3_bucket_notification.logs[0].eventbridge && length(aws_s3_bucket_notification.logs[0].queue) == 0
    error_message = "the bucket sends to EventBridge"
  }
}

run "s3" {
  variables {
    notification = "s3"
    logs_suffix  = ".zstd"
  }

  assert {
    condition = [for queue in aws_s3_bucket_notification.logs[0].queue : [queue.queue_arn, tolist(queue.events), queue.filter_prefix, queue.filter_suffix]] == [
      [output.queue_arn, tolist(["s3:ObjectCreated:*"]), "spark-events/", ".zstd"]
    ]
    error_message = "the bucket tells the queue"
  }

  assert {
    condition     = length(aws_cloudwatch_event_rule.logs) == 0
    error_message = "and EventBridge does not tell it once more"
  }

  assert {
    condition = jsondecode(aws_sqs_queue_policy.logs.policy).Statement[0] == {
      Sid       = "Announce"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = output.queue_arn
      Condition = {
        ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::logs" }
        StringEquals = { "aws:SourceAccount" = "000000000000" }
      }
    }
    error_message = "this account's bucket may send, and nobody else"
  }
}

run "none" {
  variables {
    notification = "none"
    identity     = "none"
  }

  assert {
    condition     = length(aws_s3_bucket_notification.logs) + length(aws_cloudwatch_event_rule.logs) + length(aws_iam_role.this) == 0
    error_message = "nothing is made that somebody else makes"
  }

  assert {
    condition     = output.bucket_notification.filter_prefix == "spark-events/" && output.role_arns == {}
    error_message = "it is said what to make"
  }
}

run "irsa" {
  variables {
    identity          = "irsa"
    oidc_provider_arn = "arn:aws:iam::000000000000:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/0123"
    service_accounts  = { serve = "metrics" }
  }

  assert {
    condition = jsondecode(aws_iam_role.this["serve"].assume_role_policy).Statement == [{
      Sid       = "ServiceAccount"
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = var.oidc_provider_arn }
      Condition = {
        StringEquals = {
          "oidc.eks.us-east-1.amazonaws.com/id/0123:aud" = "sts.amazonaws.com"
          "oidc.eks.us-east-1.amazonaws.com/id/0123:sub" = "system:serviceaccount:stagelight:metrics"
        }
      }
    }]
    error_message = "the provider vouches for one service account"
  }

  assert {
    condition     = yamldecode(output.helm_values).serve == { serviceAccount = { name = "metrics", roleArn = "arn:aws:iam::000000000000:role/stagelight" } }
    error_message = "the chart annotates the service account"
  }

  assert {
    condition     = length(aws_eks_pod_identity_association.this) == 0
    error_message = "Pod Identity has no part in it"
  }
}

run "keys" {
  variables {
    notification      = "s3"
    clean_logs        = true
    logs_kms_key_arn  = "arn:aws:kms:us-east-1:000000000000:key/logs"
    lake_kms_key_arn  = "arn:aws:kms:us-east-1:000000000000:key/lake"
    queue_kms_key_arn = "arn:aws:kms:us-east-1:000000000000:key/queue"
  }

  assert {
    condition = jsonencode({
      for name, policy in output.policies : name => [
        for statement in jsondecode(policy).Statement :
        "${join(" ", statement.Action)} ${split("/", statement.Resource[0])[1]} ${split(".", statement.Condition.StringEquals["kms:ViaService"])[0]}"
        if startswith(statement.Sid, "Key")
      ]
      }) == jsonencode({
      worker   = ["kms:Decrypt logs s3", "kms:Decrypt lake s3", "kms:GenerateDataKey lake s3", "kms:Decrypt queue sqs"]
      serve    = ["kms:Decrypt lake s3"]
      maintain = ["kms:Decrypt lake s3", "kms:GenerateDataKey lake s3"]
      replay   = ["kms:Decrypt lake s3", "kms:Decrypt queue sqs", "kms:GenerateDataKey queue sqs"]
      keda     = []
    })
    error_message = "each may use the keys of what it reads and writes, by way of the service that has it"
  }

  assert {
    condition     = output.kms_key_statements[0].Principal == { Service = "s3.amazonaws.com" } && output.kms_key_statements[0].Condition == { StringEquals = { "aws:SourceAccount" = "000000000000" } }
    error_message = "the sender may use the queue's key"
  }

  assert {
    condition     = toset([aws_sqs_queue.logs.kms_master_key_id, aws_sqs_queue.dead_letters.kms_master_key_id]) == toset([var.queue_kms_key_arn])
    error_message = "the queues have their key"
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.lake[0].rule).apply_server_side_encryption_by_default) != null && one(aws_s3_bucket_server_side_encryption_configuration.lake[0].rule).bucket_key_enabled
    error_message = "the lake has its key"
  }
}

run "existing_bucket" {
  variables {
    create_lake_bucket = false
    lake_bucket        = "logs"
    lake_prefix        = "stagelight/lake/"
  }

  assert {
    condition     = length(aws_s3_bucket.lake) + length(aws_s3_bucket_lifecycle_configuration.lake) + length(aws_s3_bucket_policy.lake) == 0
    error_message = "a bucket that exists stays as it is"
  }

  assert {
    condition     = output.lake_uri == "s3://logs/stagelight/lake"
    error_message = "the lake is below the prefix"
  }
}

# What is refused.

run "lake_among_logs" {
  command = plan
  variables {
    create_lake_bucket = false
    lake_bucket        = "logs"
    lake_prefix        = "spark-events/lake"
  }
  expect_failures = [var.lake_prefix]
}

run "lake_in_a_bucket_of_logs" {
  command = plan
  variables {
    create_lake_bucket = false
    lake_bucket        = "logs"
    logs_prefix        = ""
  }
  expect_failures = [var.lake_prefix]
}

run "logs_in_lake" {
  command = plan
  variables {
    create_lake_bucket = false
    lake_bucket        = "logs"
    lake_prefix        = "spark-events"
    logs_prefix        = "spark-events/logs"
  }
  expect_failures = [var.lake_prefix]
}

run "lake_bucket_that_exists" {
  command = plan
  variables {
    lake_bucket = "logs"
  }
  expect_failures = [var.create_lake_bucket]
}

run "uris_where_names_belong" {
  command = plan
  variables {
    logs_bucket = "s3://logs"
    logs_prefix = "s3://logs/spark-events"
    lake_bucket = "arn:aws:s3:::lake"
  }
  expect_failures = [var.logs_bucket, var.logs_prefix, var.lake_bucket]
}

run "aliases_of_keys" {
  command = plan
  variables {
    queue_kms_key_arn = "alias/queue"
    lake_kms_key_arn  = "arn:aws:kms:us-east-1:000000000000:alias/lake"
    logs_kms_key_arn  = "logs"
  }
  expect_failures = [var.queue_kms_key_arn, var.lake_kms_key_arn, var.logs_kms_key_arn]
}

run "no_cluster" {
  command = plan
  variables {
    cluster_name = null
  }
  expect_failures = [var.cluster_name]
}

run "no_provider" {
  command = plan
  variables {
    identity = "irsa"
  }
  expect_failures = [var.oidc_provider_arn]
}

run "unknown_choices" {
  command = plan
  variables {
    notification    = "sns"
    identity        = "user"
    lake_versioning = "true"
  }
  expect_failures = [var.notification, var.identity, var.lake_versioning]
}

run "eventbridge_enabled_for_nothing" {
  command = plan
  variables {
    notification       = "s3"
    enable_eventbridge = true
  }
  expect_failures = [var.enable_eventbridge]
}

run "numbers_out_of_range" {
  command = plan
  variables {
    visibility_timeout_seconds = 5
    max_receive_count          = 1
    message_retention_seconds  = 1209600
    lake_noncurrent_days       = 0
  }
  expect_failures = [
    var.visibility_timeout_seconds, var.max_receive_count, var.message_retention_seconds, var.lake_noncurrent_days
  ]
}
