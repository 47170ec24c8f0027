"""``bootstrap policy``: the plan, held to the rules of ``policy/``."""
