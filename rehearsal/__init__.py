"""A stand-in for Azure and a throwaway control plane: an ``up`` practised with no subscription."""
