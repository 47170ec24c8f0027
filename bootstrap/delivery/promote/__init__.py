"""Promotion: one image, at one path of one environment's values, as one commit in Git."""
