"""How many small mistakes the tests would see: `make mutate`."""
