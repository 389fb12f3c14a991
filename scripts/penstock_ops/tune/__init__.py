"""The tuner: what fits a GPU (compute), what an engine really does (measure), what to deploy (recommend)."""
