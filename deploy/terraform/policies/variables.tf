variable "partition" {
  description = "As in `aws`."
  type        = string
}

variable "dns_suffix" {
  description = "As in `amazonaws.com`."
  type        = string
}

variable "region" {
  description = "The region of queues and buckets."
  type        = string
}

variable "account_id" {
  description = "The account of the bucket that announces logs."
  type        = string
}

variable "logs_bucket" {
  description = "The bucket of the event logs."
  type        = string
}

variable "logs_prefix" {
  description = "Where the logs are in it: empty, or with a slash at its end."
  type        = string
}

variable "lake_bucket" {
  description = "The bucket of the lake."
  type        = string
}

variable "lake_prefix" {
  description = "Where the lake is in it, with a slash at its end."
  type        = string
}

variable "queue_arn" {
  description = "The queue of announcements."
  type        = string
}

variable "dead_letter_queue_arn" {
  description = "Its dead-letter queue."
  type        = string
}

variable "sender" {
  description = "Who may send to the queue: the principal of the service, and the bucket or the rule that it does so for."
  type = object({
    service = string
    arn     = string
  })
}

variable "logs_kms_key_arn" {
  description = "The key of the logs, or null."
  type        = string
}

variable "lake_kms_key_arn" {
  description = "The key of the lake, or null."
  type        = string
}

variable "queue_kms_key_arn" {
  description = "The key of the queues, or null."
  type        = string
}

variable "clean_logs" {
  description = "Whether maintain may delete logs."
  type        = bool
}

variable "cluster_name" {
  description = "The EKS cluster that may assume the roles by Pod Identity; null where it may not."
  type        = string
}

variable "oidc_provider_arn" {
  description = "The OIDC provider that may vouch for service accounts; null where none may."
  type        = string
}

variable "namespace" {
  description = "The namespace of the service accounts."
  type        = string
}

variable "service_accounts" {
  description = "A service account for each role."
  type        = map(string)
}
