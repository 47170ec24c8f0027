"""The guard against environments that drift apart by accident."""
