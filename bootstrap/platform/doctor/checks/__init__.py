"""The doctor's checks, by what they are about. Each is a function of what it needs that yields findings."""
