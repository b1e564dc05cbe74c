output "helm_values" {
  description = "Values of the chart, in YAML: what it has to know of all this."
  value       = yamlencode(local.helm_values)
}

output "queue_url" {
  description = "The queue, as `--queue-url` takes it."
  value       = aws_sqs_queue.logs.url
}

output "queue_arn" {
  description = "The queue's ARN."
  value       = aws_sqs_queue.logs.arn
}

output "dead_letter_queue_url" {
  description = "The dead-letter queue, as `replay --dead-letters` takes it."
  value       = aws_sqs_queue.dead_letters.url
}

output "dead_letter_queue_arn" {
  description = "The dead-letter queue's ARN."
  value       = aws_sqs_queue.dead_letters.arn
}

output "lake_uri" {
  description = "The lake, as `--lake` takes it."
  value       = local.lake_uri
}

output "logs_uri" {
  description = "The logs, as `worker --prefix`, `ingest` and `maintain --clean-logs` take them."
  value       = local.logs_uri
}

output "role_arns" {
  description = "The roles of worker, serve and maintain; empty with `identity = \"none\"`."
  value       = { for role, made in aws_iam_role.this : role => made.arn }
}

output "policies" {
  description = "Identity policies in JSON: `worker`, `serve` and `maintain`, which the roles have; `replay`, for who replays messages by hand; `keda`, for the KEDA operator's role."
  value       = module.policies.documents
}

output "bucket_notification" {
  description = "With `notification = \"none\"`: what a `queue` block of your aws_s3_bucket_notification has to say."
  value       = local.bucket_notification
}

output "kms_key_statements" {
  description = "With `queue_kms_key_arn`: statements that the key's policy needs for the sender, to be encoded in JSON."
  value       = module.policies.key_statements
}

locals {
  helm_values = merge(
    {
      lake     = local.lake_uri
      queueUrl = aws_sqs_queue.logs.url
      region   = data.aws_region.this.region
    },
    {
      for role, service_account in var.service_accounts : role => merge(
        {
          serviceAccount = merge(
            { name = service_account },
            # With Pod Identity the association names the role; an annotation would be IRSA's.
            { for key, made in aws_iam_role.this : "roleArn" => made.arn if key == role && var.identity == "irsa" }
          )
        },
        { for key, value in { config = { prefix = local.logs_uri } } : key => value if role == "worker" }
      )
    }
  )
}
