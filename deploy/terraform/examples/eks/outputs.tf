output "helm_values" {
  description = "Values for the chart."
  value       = module.stagelight.helm_values
}

output "dead_letter_queue_url" {
  description = "Where messages are that were given up: worth an alarm."
  value       = module.stagelight.dead_letter_queue_url
}
