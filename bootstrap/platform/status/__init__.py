"""One page on a running stack."""
