"""The self-healing Helm release: chart and override, guard, Helm's record, and the cluster's API."""
