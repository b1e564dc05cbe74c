# Stagelight beside Spark on EKS: the cluster has the Pod Identity agent, kube-prometheus-stack and perhaps
# KEDA, and Spark writes event logs to a bucket. Then
#
#     terraform output -raw helm_values > stagelight.yaml
#     helm install stagelight ../../../helm/stagelight --namespace stagelight --create-namespace \
#       --values stagelight.yaml --set image.repository=…

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

provider "aws" {
  region = var.region
}

module "stagelight" {
  source = "../.."

  logs_bucket = var.logs_bucket
  logs_prefix = var.logs_prefix
  lake_bucket = var.lake_bucket

  # The bucket may announce its objects to others too: they stay.
  notification       = "eventbridge"
  enable_eventbridge = var.enable_eventbridge

  cluster_name = var.cluster_name

  tags = { application = "stagelight" }
}

# KEDA's operator looks at the queue with its own role.
resource "aws_iam_role_policy" "keda" {
  count = var.keda_role_name == null ? 0 : 1

  name   = "stagelight-queue"
  role   = var.keda_role_name
  policy = module.stagelight.policies["keda"]
}
