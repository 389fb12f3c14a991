variable "project_id" {
  description = "Project of the workflow, and of Penstock."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Where it runs."
  type        = string
  nullable    = false
}

variable "name" {
  description = "Name of the workflow, and of the identity it runs as."
  type        = string
  nullable    = false
}

variable "runs_topic" {
  description = "The topic on which runs are asked for."
  type        = string
  nullable    = false
}

variable "database" {
  description = "The Firestore database in which it looks at a run that told nothing in time."
  type        = string
  nullable    = false
}

variable "notify_topic" {
  description = "Topic in this project that is told of runs that succeeded; null: none."
  type        = string
  default     = null
}

variable "answerer" {
  description = "IAM member of the courier, who answers the executions that wait."
  type        = string
  nullable    = false
}

variable "protected" {
  description = "Whether it refuses to be deleted."
  type        = bool
  default     = true
  nullable    = false
}
