"""What an application had in a cluster that is gone comes back from its backups."""
