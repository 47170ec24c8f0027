"""What the cluster refuses of an application, whoever rendered it: admission policies on the tenants' namespaces."""
