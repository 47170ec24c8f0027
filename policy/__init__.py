"""What judges a stack's plan by rules that others wrote."""
