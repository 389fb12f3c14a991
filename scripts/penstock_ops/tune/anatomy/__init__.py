"""What each family of models is made of: its weights by name, and what a token leaves in every layer."""
