"""The commands around ``pulumi``."""
