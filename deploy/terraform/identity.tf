locals {
  roles = var.identity == "none" ? {} : var.service_accounts
}

resource "aws_iam_role" "this" {
  for_each = local.roles

  name                 = "${var.name}-${each.key}"
  description          = "Stagelight's ${each.key}, service account ${var.namespace}/${each.value}"
  assume_role_policy   = module.policies.trust[each.key]
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  for_each = local.roles

  name   = "stagelight"
  role   = aws_iam_role.this[each.key].name
  policy = module.policies.documents[each.key]
}

resource "aws_eks_pod_identity_association" "this" {
  for_each = var.identity == "pod_identity" ? local.roles : {}

  cluster_name    = var.cluster_name
  namespace       = var.namespace
  service_account = each.value
  role_arn        = aws_iam_role.this[each.key].arn
  tags            = var.tags
}
