"""The commands that work with ``pulumi``: plan, up, down, recover, rehearse, adopt, schema."""
