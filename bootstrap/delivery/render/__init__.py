"""What Argo CD would apply, without Argo CD: rendered, compared with another revision, compared with the cluster."""
