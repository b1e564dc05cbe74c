output "documents" {
  description = "What each may do, as an identity policy in JSON: worker, serve, maintain, replay, and the KEDA operator."
  value = {
    for name, statements in local.statements :
    name => jsonencode({ Version = local.version, Statement = statements })
  }
}

output "queue" {
  description = "The queue's policy: one sender, and TLS."
  value = jsonencode({
    Version = local.version
    Statement = [
      {
        Sid       = "Announce", Effect = "Allow", Action = "sqs:SendMessage", Resource = var.queue_arn,
        Principal = { Service = var.sender.service },
        Condition = merge({ ArnEquals = { "aws:SourceArn" = var.sender.arn } }, local.sender_account)
      },
      merge(local.refuse_insecure, { Action = "sqs:*", Resource = var.queue_arn }),
    ]
  })
}

output "dead_letter_queue" {
  description = "The dead-letter queue's policy: TLS. SQS itself moves messages there."
  value = jsonencode({
    Version   = local.version
    Statement = [merge(local.refuse_insecure, { Action = "sqs:*", Resource = var.dead_letter_queue_arn })]
  })
}

output "lake_bucket" {
  description = "The policy of the lake's bucket: TLS."
  value = jsonencode({
    Version = local.version
    Statement = [merge(local.refuse_insecure, {
      Action = "s3:*", Resource = [local.lake.bucket, "${local.lake.bucket}/*"]
    })]
  })
}

output "trust" {
  description = "Who may assume the role of each service account."
  value = {
    for role, service_account in var.service_accounts :
    role => jsonencode({ Version = local.version, Statement = concat(local.pods[role], local.tokens[role]) })
  }
}

output "key_statements" {
  description = "What the policy of the queues' key has to say for the sender to use it."
  value = [
    for _ in compact([var.queue_kms_key_arn]) : merge(
      {
        # In the policy of a key, `*` is that key.
        Sid       = "Announce", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = "*",
        Principal = { Service = var.sender.service },
      },
      # EventBridge does not say for whom it uses a key; the queue's policy says for which rule it may send.
      { for key, value in { Condition = local.sender_account } : key => value if value != {} }
    )
  ]
}
