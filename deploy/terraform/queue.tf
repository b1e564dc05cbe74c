resource "aws_sqs_queue" "logs" {
  name                       = var.name
  visibility_timeout_seconds = var.visibility_timeout_seconds
  message_retention_seconds  = var.message_retention_seconds
  receive_wait_time_seconds  = 20
  kms_master_key_id          = var.queue_kms_key_arn
  sqs_managed_sse_enabled    = var.queue_kms_key_arn == null ? true : null
  tags                       = var.tags
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-dead-letters"
  message_retention_seconds = 1209600
  kms_master_key_id         = var.queue_kms_key_arn
  sqs_managed_sse_enabled   = var.queue_kms_key_arn == null ? true : null
  tags                      = var.tags
}

resource "aws_sqs_queue_redrive_policy" "logs" {
  queue_url = aws_sqs_queue.logs.url
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = var.max_receive_count
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.url
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.logs.arn]
  })
}

resource "aws_sqs_queue_policy" "logs" {
  queue_url = aws_sqs_queue.logs.url
  policy    = module.policies.queue
}

resource "aws_sqs_queue_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.url
  policy    = module.policies.dead_letter_queue
}
