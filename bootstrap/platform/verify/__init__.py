"""``bootstrap verify``: asks a cluster that is up whether it does what a platform is for."""
