# A bucket has one notification configuration, and who puts one replaces it. So there is none here unless
# it was asked for.
resource "aws_s3_bucket_notification" "logs" {
  count = var.notification == "s3" || var.enable_eventbridge ? 1 : 0

  bucket      = var.logs_bucket
  eventbridge = var.enable_eventbridge

  dynamic "queue" {
    for_each = var.notification == "s3" ? [local.bucket_notification] : []

    content {
      queue_arn     = queue.value.queue_arn
      events        = queue.value.events
      filter_prefix = queue.value.filter_prefix
      filter_suffix = queue.value.filter_suffix
    }
  }

  # S3 tries the queue before it takes the configuration.
  depends_on = [aws_sqs_queue_policy.logs]
}

locals {
  bucket_notification = {
    queue_arn     = aws_sqs_queue.logs.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = local.logs_prefix == "" ? null : local.logs_prefix
    filter_suffix = var.logs_suffix == "" ? null : var.logs_suffix
  }

  # Of the elements of a list one has to match, so a prefix and a suffix make one wildcard.
  key_filter = concat(
    [for prefix in compact([local.logs_prefix]) : { prefix = prefix } if var.logs_suffix == ""],
    [for suffix in compact([var.logs_suffix]) : { suffix = suffix } if local.logs_prefix == ""],
    [for prefix in compact([local.logs_prefix]) : { wildcard = "${prefix}*${var.logs_suffix}" } if var.logs_suffix != ""]
  )
}

resource "aws_cloudwatch_event_rule" "logs" {
  count = var.notification == "eventbridge" ? 1 : 0

  name        = var.name
  description = "Event logs of Spark below ${local.logs_uri}, for Stagelight"
  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["Object Created"]
    detail = merge(
      { bucket = { name = [var.logs_bucket] } },
      { for key, value in { object = { key = local.key_filter } } : key => value if length(local.key_filter) > 0 }
    )
  })
  tags = var.tags
}

resource "aws_cloudwatch_event_target" "logs" {
  count = var.notification == "eventbridge" ? 1 : 0

  rule = aws_cloudwatch_event_rule.logs[0].name
  arn  = aws_sqs_queue.logs.arn
}
