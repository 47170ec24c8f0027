"""``bootstrap evidence``: what answers each control of a benchmark, and where in the plan that is."""
