"""What is installed in the cluster, in order."""
