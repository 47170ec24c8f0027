"""When names move to a new cluster: once it serves, and nothing is worse there than where they led before."""
