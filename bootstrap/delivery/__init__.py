"""The commands around ``gitops/``."""
