# All IAM documents, and nothing else: from names to JSON, without a provider. So Terraform alone can
# compute them, and the tests hold what they allow against what the real binary asks for.

locals {
  version = "2012-10-17"

  logs = {
    bucket  = "arn:${var.partition}:s3:::${var.logs_bucket}"
    objects = "arn:${var.partition}:s3:::${var.logs_bucket}/${var.logs_prefix}*"
  }
  lake = {
    bucket  = "arn:${var.partition}:s3:::${var.lake_bucket}"
    objects = "arn:${var.partition}:s3:::${var.lake_bucket}/${var.lake_prefix}*"
  }

  read_logs = [
    { Sid = "ReadLogs", Effect = "Allow", Action = ["s3:GetObject"], Resource = [local.logs.objects] },
  ]
  # Who reads a key that is not there needs this too, with the key as the prefix: S3 says else that it is
  # forbidden.
  list_logs = [
    merge(
      { Sid = "ListLogs", Effect = "Allow", Action = ["s3:ListBucket"], Resource = [local.logs.bucket] },
      { for key, value in { Condition = { StringLike = { "s3:prefix" = ["${var.logs_prefix}*"] } } } : key => value if var.logs_prefix != "" }
    ),
  ]
  # S3 wants GetObject too of who deletes the version that he means, and no other.
  delete_logs = [
    { Sid = "DeleteLogs", Effect = "Allow", Action = ["s3:DeleteObject"], Resource = [local.logs.objects] },
  ]
  read_lake = [
    { Sid = "ReadLake", Effect = "Allow", Action = ["s3:GetObject"], Resource = [local.lake.objects] },
    {
      Sid       = "ListLake", Effect = "Allow", Action = ["s3:ListBucket"], Resource = [local.lake.bucket],
      Condition = { StringLike = { "s3:prefix" = ["${var.lake_prefix}*"] } }
    },
  ]
  write_lake = [
    { Sid = "WriteLake", Effect = "Allow", Action = ["s3:PutObject"], Resource = [local.lake.objects] },
  ]
  # Only maintain deletes files; what a worker removes from a table stays until then.
  delete_lake = [
    { Sid = "DeleteLake", Effect = "Allow", Action = ["s3:DeleteObject"], Resource = [local.lake.objects] },
  ]
  receive = [
    {
      Sid = "Receive", Effect = "Allow", Resource = [var.queue_arn],
      Action = [
        "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"
      ]
    },
  ]
  # replay takes messages out of the dead-letter queue and puts them into the queue.
  send = [
    { Sid = "Send", Effect = "Allow", Action = ["sqs:GetQueueAttributes", "sqs:SendMessage"], Resource = [var.queue_arn] },
    {
      Sid      = "ReceiveDeadLetters", Effect = "Allow", Action = ["sqs:DeleteMessage", "sqs:ReceiveMessage"],
      Resource = [var.dead_letter_queue_arn]
    },
  ]
  # Metrics of CloudWatch are no resources: who may ask for one may ask for each.
  scale = [
    { Sid = "SeeDepth", Effect = "Allow", Action = ["sqs:GetQueueAttributes"], Resource = [var.queue_arn] },
    { Sid = "SeeAge", Effect = "Allow", Action = ["cloudwatch:GetMetricData"], Resource = ["*"] },
  ]

  # A key may be used through the service whose data it is for, and not by itself.
  keys = {
    for name, key in {
      read_logs  = { arn = var.logs_kms_key_arn, service = "s3", actions = ["kms:Decrypt"] }
      read_lake  = { arn = var.lake_kms_key_arn, service = "s3", actions = ["kms:Decrypt"] }
      write_lake = { arn = var.lake_kms_key_arn, service = "s3", actions = ["kms:GenerateDataKey"] }
      receive    = { arn = var.queue_kms_key_arn, service = "sqs", actions = ["kms:Decrypt"] }
      send       = { arn = var.queue_kms_key_arn, service = "sqs", actions = ["kms:GenerateDataKey"] }
      } : name => [
      for arn in compact([key.arn]) : {
        Sid       = "Key${replace(title(replace(name, "_", " ")), " ", "")}", Effect = "Allow", Action = key.actions, Resource = [arn],
        Condition = { StringEquals = { "kms:ViaService" = "${key.service}.${var.region}.${var.dns_suffix}" } }
      }
    ]
  }

  statements = {
    worker = concat(
      local.read_logs, local.list_logs, local.read_lake, local.write_lake, local.receive,
      local.keys.read_logs, local.keys.read_lake, local.keys.write_lake, local.keys.receive
    )
    serve = concat(local.read_lake, local.keys.read_lake)
    maintain = concat(
      local.read_lake, local.write_lake, local.delete_lake, local.keys.read_lake, local.keys.write_lake,
      [for statement in concat(local.read_logs, local.list_logs, local.delete_logs) : statement if var.clean_logs]
    )
    replay = concat(
      local.list_logs, local.read_lake, local.send,
      local.keys.read_lake, local.keys.receive, local.keys.send
    )
    keda = local.scale
  }

  refuse_insecure = {
    Sid       = "RefuseInsecure", Effect = "Deny", Principal = "*",
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }

  # A bucket's ARN does not say whose it is; a rule's does.
  sender_account = {
    for key, value in { StringEquals = { "aws:SourceAccount" = var.account_id } } : key => value
    if var.sender.service == "s3.amazonaws.com"
  }

  pods = {
    for role, service_account in var.service_accounts : role => [
      for cluster in compact([var.cluster_name]) : {
        Sid       = "PodIdentity", Effect = "Allow", Action = ["sts:AssumeRole", "sts:TagSession"],
        Principal = { Service = "pods.eks.amazonaws.com" },
        Condition = {
          StringEquals = {
            "aws:RequestTag/eks-cluster-name"           = cluster
            "aws:RequestTag/kubernetes-namespace"       = var.namespace
            "aws:RequestTag/kubernetes-service-account" = service_account
          }
        }
      }
    ]
  }
  tokens = {
    for role, service_account in var.service_accounts : role => [
      for provider in compact([var.oidc_provider_arn]) : {
        Sid       = "ServiceAccount", Effect = "Allow", Action = "sts:AssumeRoleWithWebIdentity",
        Principal = { Federated = provider },
        Condition = {
          StringEquals = {
            "${split("oidc-provider/", provider)[1]}:aud" = "sts.amazonaws.com"
            "${split("oidc-provider/", provider)[1]}:sub" = "system:serviceaccount:${var.namespace}:${service_account}"
          }
        }
      }
    ]
  }
}
