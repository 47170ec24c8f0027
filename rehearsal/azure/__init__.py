"""A stand-in for Azure: a provider plugin in azure-native's place, and the cloud behind it, which is a file."""
