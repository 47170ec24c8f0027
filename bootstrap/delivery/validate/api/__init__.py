"""Values that Kubernetes' types allow and an API server refuses, by kind.

Each rule cites the function in the validation code of Kubernetes 1.36 that it follows; paths are those in
https://github.com/kubernetes/kubernetes/tree/v1.36.3 (``core`` stands for ``pkg/apis/core/validation/validation.go``,
and so on for the other groups).
"""
