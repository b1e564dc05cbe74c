# A bucket for the lake alone. Nothing here ever deletes or moves a file that a table has: how long a file
# is needed stands in its table's log, and one that is missing or archived breaks the table.
# `stagelight maintain` deletes what no table has any more.
resource "aws_s3_bucket" "lake" {
  count = var.create_lake_bucket ? 1 : 0

  bucket = var.lake_bucket
  tags   = var.tags
}

resource "aws_s3_bucket_ownership_controls" "lake" {
  count = var.create_lake_bucket ? 1 : 0

  bucket = aws_s3_bucket.lake[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "lake" {
  count = var.create_lake_bucket ? 1 : 0

  bucket                  = aws_s3_bucket.lake[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "lake" {
  count = var.create_lake_bucket ? 1 : 0

  bucket = aws_s3_bucket.lake[0].id
  policy = module.policies.lake_bucket

  depends_on = [aws_s3_bucket_public_access_block.lake]
}

resource "aws_s3_bucket_server_side_encryption_configuration" "lake" {
  count = var.create_lake_bucket ? 1 : 0

  bucket = aws_s3_bucket.lake[0].id

  rule {
    # With a key for the bucket, not each of many small files asks KMS.
    bucket_key_enabled = var.lake_kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.lake_kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.lake_kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "lake" {
  count = var.create_lake_bucket ? 1 : 0

  bucket = aws_s3_bucket.lake[0].id

  versioning_configuration {
    status = var.lake_versioning
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "lake" {
  count = var.create_lake_bucket ? 1 : 0

  bucket = aws_s3_bucket.lake[0].id

  rule {
    id     = "uploads-that-were-not-completed"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  # Also where versioning is suspended by now: what it kept is to go all the same.
  rule {
    id     = "versions-that-were-deleted"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.lake_noncurrent_days
    }

    # Of markers, not of files.
    expiration {
      expired_object_delete_marker = true
    }
  }

  depends_on = [aws_s3_bucket_versioning.lake]
}
