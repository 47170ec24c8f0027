"""What gets built: every file one idea, every class a component resource."""
