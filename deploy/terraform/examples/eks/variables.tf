variable "region" {
  description = "The region of the cluster and of both buckets."
  type        = string
}

variable "cluster_name" {
  description = "The EKS cluster that Spark runs on."
  type        = string
}

variable "logs_bucket" {
  description = "The bucket of `spark.eventLog.dir`."
  type        = string
}

variable "logs_prefix" {
  description = "The prefix of `spark.eventLog.dir`."
  type        = string
}

variable "lake_bucket" {
  description = "A bucket to be made for the lake."
  type        = string
}

variable "enable_eventbridge" {
  description = "True where the bucket of the logs announces nothing yet. Where it does, set `eventbridge = true` in its aws_s3_bucket_notification."
  type        = bool
}

variable "keda_role_name" {
  description = "The role of KEDA's operator; null without KEDA."
  type        = string
  default     = null
}
