"""Whether ``gitops/`` would be taken by Argo CD and Kubernetes, told without either."""
