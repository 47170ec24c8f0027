"""A stand-in for Azure and throwaway control planes: practise an ``up`` without a subscription."""
