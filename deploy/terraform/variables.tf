variable "name" {
  description = "What the queue, the rule and the roles are called; the dead-letter queue gets `-dead-letters` after it."
  type        = string
  default     = "stagelight"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,39}$", var.name))
    error_message = "The name begins with a letter and has at most 40 of a-z, 0-9 and -."
  }
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
}

# Event logs

variable "logs_bucket" {
  description = "The existing bucket that Spark writes event logs to. It is in the account and region of the provider."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.logs_bucket))
    error_message = "This is to be the bucket's name alone: no s3://, no ARN, no prefix."
  }
}

variable "logs_prefix" {
  description = "Where below the bucket the logs are, as `spark-events/`; empty for the whole bucket. What `spark.eventLog.dir` names."
  type        = string
  default     = ""

  validation {
    condition     = !can(regex("^/|//|[*?\\\\]|^[a-z0-9]+:", var.logs_prefix))
    error_message = "A prefix begins with no slash, has no two in a row and no *, ? or \\, and is no URI."
  }
}

variable "logs_suffix" {
  description = "Announce only objects whose names end so. Rolling logs have names without a common end (`events_1_spark-0123`, `events_1_spark-0123.zstd`), and a worker passes over what is no log: leave it empty, but where something else writes much below the prefix."
  type        = string
  default     = ""

  validation {
    condition     = !can(regex("[*?\\\\]", var.logs_suffix))
    error_message = "A suffix has no *, ? or \\."
  }
}

variable "logs_kms_key_arn" {
  description = "The KMS key that the logs are encrypted with; null where S3 encrypts them with its own."
  type        = string
  default     = null

  validation {
    condition     = var.logs_kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.logs_kms_key_arn))
    error_message = "This is to be the ARN of a key; IAM does not look through an alias."
  }
}

variable "notification" {
  description = "How the queue hears of new logs. `eventbridge`: by a rule of its own, which leaves what else the bucket announces alone; the bucket has to send its events to EventBridge (see `enable_eventbridge`). `s3`: the bucket tells the queue directly; a bucket has one notification configuration, and this module's REPLACES it. `none`: you add the queue to the configuration that you have; output `bucket_notification` has what to add."
  type        = string

  validation {
    condition     = contains(["eventbridge", "s3", "none"], var.notification)
    error_message = "This is one of eventbridge, s3 and none."
  }
}

variable "enable_eventbridge" {
  description = "With `notification = \"eventbridge\"`: make the bucket send its events to EventBridge. This is a part of the bucket's one notification configuration, and REPLACES it: leave it false where the bucket announces anything already, and set `eventbridge = true` there."
  type        = bool
  default     = false

  validation {
    condition     = !var.enable_eventbridge || var.notification == "eventbridge"
    error_message = "This is for notification = \"eventbridge\" only."
  }
}

# Queue

variable "visibility_timeout_seconds" {
  description = "How long a message is hidden from other consumers that ask for no time of their own. A worker does ask (`--visibility-timeout`, 2m), and asks for more while it works."
  type        = number
  default     = 120

  validation {
    condition     = var.visibility_timeout_seconds >= 30 && var.visibility_timeout_seconds <= 43200
    error_message = "From 30 seconds to 12 hours (43200)."
  }
}

variable "max_receive_count" {
  description = "A message that was received so often and never deleted goes to the dead-letter queue. A worker that is killed counts as one, and so does an object that cannot be read for now."
  type        = number
  default     = 10

  validation {
    condition     = var.max_receive_count >= 3 && var.max_receive_count <= 1000 && floor(var.max_receive_count) == var.max_receive_count
    error_message = "A whole number from 3 (a worker that was killed twice is no reason to give up a log) to 1000."
  }
}

variable "message_retention_seconds" {
  description = "How long a message waits while no worker runs. The dead-letter queue keeps messages for 14 days, counted from when they were first sent: it has to be longer."
  type        = number
  default     = 345600

  validation {
    condition     = var.message_retention_seconds >= 3600 && var.message_retention_seconds <= 1036800
    error_message = "From an hour (3600) to 12 days (1036800): a message that is given up is to be seen for two days at least."
  }
}

variable "queue_kms_key_arn" {
  description = "A KMS key of yours for both queues; null for SQS' own (SSE-SQS). The key's policy has to let the sender use it: output `kms_key_statements`."
  type        = string
  default     = null

  validation {
    condition     = var.queue_kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.queue_kms_key_arn))
    error_message = "This is to be the ARN of a key; IAM does not look through an alias."
  }
}

# Lake

variable "lake_bucket" {
  description = "The bucket of the lake."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.lake_bucket))
    error_message = "This is to be the bucket's name alone: no s3://, no ARN, no prefix."
  }
}

variable "lake_prefix" {
  description = "Where below the bucket the lake is. It is to have nothing else in it."
  type        = string
  default     = "lake"

  validation {
    condition     = can(regex("^[^/*?\\\\]", var.lake_prefix)) && !can(regex("//|[*?\\\\]|^[a-z0-9]+:", var.lake_prefix))
    error_message = "A prefix is not empty, begins with no slash, has no two in a row and no *, ? or \\, and is no URI."
  }

  validation {
    condition     = var.lake_bucket != var.logs_bucket || !startswith("${trim(var.lake_prefix, "/")}/", var.logs_prefix == "" ? "" : "${trim(var.logs_prefix, "/")}/")
    error_message = "The lake is not to be among the logs: each of its files would be announced as one."
  }

  validation {
    condition     = var.lake_bucket != var.logs_bucket || !startswith("${trim(var.logs_prefix, "/")}/", "${trim(var.lake_prefix, "/")}/")
    error_message = "The logs are not to be in the lake."
  }
}

variable "create_lake_bucket" {
  description = "Make the lake's bucket: private, encrypted, TLS only, and rid of uploads that were never completed. Where it is false, the bucket exists and stays as it is."
  type        = bool
  default     = true

  validation {
    condition     = !var.create_lake_bucket || var.lake_bucket != var.logs_bucket
    error_message = "The bucket of the logs exists: with the lake in it, say create_lake_bucket = false."
  }
}

variable "lake_versioning" {
  description = "`Enabled` keeps what the lake deletes or overwrites for `lake_noncurrent_days`, against mistakes; what `maintain` deletes is paid for that much longer. `Suspended` is for a bucket that had it enabled. Only for a bucket that is made here."
  type        = string
  default     = "Disabled"

  validation {
    condition     = contains(["Disabled", "Enabled", "Suspended"], var.lake_versioning)
    error_message = "This is one of Disabled, Enabled and Suspended."
  }
}

variable "lake_noncurrent_days" {
  description = "Days until what was deleted or overwritten while `lake_versioning` was enabled is gone."
  type        = number
  default     = 7

  validation {
    condition     = var.lake_noncurrent_days >= 1 && floor(var.lake_noncurrent_days) == var.lake_noncurrent_days
    error_message = "A whole number of days, 1 at least."
  }
}

variable "lake_kms_key_arn" {
  description = "The KMS key of the lake; null for S3's own (SSE-S3). Of an existing bucket, the key that it encrypts with by default."
  type        = string
  default     = null

  validation {
    condition     = var.lake_kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.lake_kms_key_arn))
    error_message = "This is to be the ARN of a key; IAM does not look through an alias."
  }
}

# Who may

variable "clean_logs" {
  description = "Let `maintain --clean-logs` delete event logs. Without, no role may delete or write any."
  type        = bool
  default     = false
}

variable "identity" {
  description = "How pods get their roles. `pod_identity`: EKS Pod Identity, with an association for each service account. `irsa`: roles that the cluster's OIDC provider vouches for; the chart annotates the service accounts. `none`: no roles; output `policies` has what to put into yours."
  type        = string
  default     = "pod_identity"

  validation {
    condition     = contains(["pod_identity", "irsa", "none"], var.identity)
    error_message = "This is one of pod_identity, irsa and none."
  }
}

variable "cluster_name" {
  description = "The EKS cluster, for Pod Identity."
  type        = string
  default     = null

  validation {
    condition     = var.identity != "pod_identity" || var.cluster_name != null
    error_message = "Pod Identity needs cluster_name."
  }
}

variable "oidc_provider_arn" {
  description = "The IAM OIDC provider of the cluster, for IRSA."
  type        = string
  default     = null

  validation {
    condition     = var.identity != "irsa" || can(regex("^arn:[^:]+:iam::[0-9]{12}:oidc-provider/.+$", var.oidc_provider_arn))
    error_message = "IRSA needs oidc_provider_arn, as in arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0123."
  }
}

variable "namespace" {
  description = "The Kubernetes namespace that the chart is installed in."
  type        = string
  default     = "stagelight"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "This is no name of a namespace."
  }
}

variable "service_accounts" {
  description = "The service accounts of the chart: those that the release `stagelight` has."
  type = object({
    worker   = optional(string, "stagelight-worker")
    serve    = optional(string, "stagelight-serve")
    maintain = optional(string, "stagelight-maintain")
  })
  default  = {}
  nullable = false
}

variable "permissions_boundary_arn" {
  description = "The permissions boundary of the roles, where your account demands one."
  type        = string
  default     = null
}
