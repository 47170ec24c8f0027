"""The command line around ``pulumi``."""
