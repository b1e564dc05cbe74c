# From where event logs are written to where they are read: who is told of them, who may read them, and
# where what is read goes.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  # `spark-events` is also the beginning of `spark-events-old/`.
  logs_prefix = var.logs_prefix == "" ? "" : "${trim(var.logs_prefix, "/")}/"
  lake_prefix = "${trim(var.lake_prefix, "/")}/"

  logs_uri = "s3://${var.logs_bucket}/${local.logs_prefix}"
  lake_uri = "s3://${var.lake_bucket}/${trim(var.lake_prefix, "/")}"

  logs_bucket_arn = "arn:${data.aws_partition.this.partition}:s3:::${var.logs_bucket}"

  sender = var.notification == "eventbridge" ? {
    service = "events.amazonaws.com"
    arn     = aws_cloudwatch_event_rule.logs[0].arn
    } : {
    service = "s3.amazonaws.com"
    arn     = local.logs_bucket_arn
  }
}

module "policies" {
  source = "./policies"

  partition  = data.aws_partition.this.partition
  dns_suffix = data.aws_partition.this.dns_suffix
  region     = data.aws_region.this.region
  account_id = data.aws_caller_identity.this.account_id

  logs_bucket = var.logs_bucket
  logs_prefix = local.logs_prefix
  lake_bucket = var.lake_bucket
  lake_prefix = local.lake_prefix
  clean_logs  = var.clean_logs

  queue_arn             = aws_sqs_queue.logs.arn
  dead_letter_queue_arn = aws_sqs_queue.dead_letters.arn
  sender                = local.sender

  logs_kms_key_arn  = var.logs_kms_key_arn
  lake_kms_key_arn  = var.lake_kms_key_arn
  queue_kms_key_arn = var.queue_kms_key_arn

  cluster_name      = var.identity == "pod_identity" ? var.cluster_name : null
  oidc_provider_arn = var.identity == "irsa" ? var.oidc_provider_arn : null
  namespace         = var.namespace
  service_accounts  = var.service_accounts
}
