"""One page on a stack that is up."""
