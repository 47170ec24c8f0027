"""``bootstrap verify``: checks a running cluster end to end."""
