"""What an update to the program's versions would do to a running cluster."""
