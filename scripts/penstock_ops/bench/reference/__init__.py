"""What ours is measured against: source files that functions-framework runs."""
