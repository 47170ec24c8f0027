"""The stand-in for Azure: a provider plugin that replaces azure-native, and its cloud, which is a file."""
