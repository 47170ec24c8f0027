"""How often a live run renews its lease, and how long one must go unrenewed before its run counts as dead."""

HEARTBEAT_SECONDS = 2.0
"""How often a live run renews its lease."""
WATCH_SECONDS = 8.0
"""How long a lease must go unrenewed before its run counts as dead: four missed heartbeats."""
