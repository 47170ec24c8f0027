"""``bootstrap plan``: what the program would build, with no cloud, no credentials and no Pulumi CLI."""
