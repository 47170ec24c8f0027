"""What an application may have, case by case: ``bootstrap validate`` and the cluster have to agree on each."""

DIGEST = f"sha256:{'a' * 64}"

IMAGES: list[tuple[str, str, bool]] = [
    ("example.azurecr.io", "example.azurecr.io/shop/api:1.2", True),
    ("example.azurecr.io/shop", "example.azurecr.io/shop:1.2", True),
    ("example.azurecr.io/shop", "example.azurecr.io/shop", True),
    ("example.azurecr.io/shop", f"example.azurecr.io/shop@{DIGEST}", True),
    ("example.azurecr.io/shop", f"example.azurecr.io/shop:1.2@{DIGEST}", True),
    ("example.azurecr.io/shop", "example.azurecr.io/shop/api:1.2", True),
    ("example.azurecr.io/shop", "example.azurecr.io/shop/a/b_c/d__e/f-g.h:1", True),
    ("registry.example.com:5000/shop", "registry.example.com:5000/shop:1.2", True),
    ("registry.example.com:5000", "registry.example.com:5000/shop", True),
    ("docker.io", "nginx:1.29", True),
    ("docker.io", "user/shop", True),
    ("docker.io/library/nginx", "nginx:1.29", True),
    ("docker.io/library/nginx", "library/nginx", True),
    ("docker.io/library/nginx", "docker.io/nginx", True),
    ("docker.io/library/nginx", "docker.io/library/nginx:1.29", True),
    ("docker.io/library/nginx", "index.docker.io/nginx", True),
    ("docker.io/bitnami", "bitnami/redis:8", True),
    ("docker.io/bitnami", "docker.io/bitnami/redis:8", True),
    ("docker.io/bitnami", "index.docker.io/bitnami/redis:8", True),
    ("localhost", "localhost/shop:1", True),
    ("localhost:5000", "localhost:5000/shop:1", True),
    ("example.azurecr.io", "example.azurecr.io.evil.example.net/shop:1", False),
    ("example.azurecr.io/shop", "example.azurecr.io/shopper:1", False),
    ("example.azurecr.io/shop", "example.azurecr.io/bank:1", False),
    ("example.azurecr.io/shop", "example.azurecr.io/shop/../bank:1", False),
    ("example.azurecr.io/shop", "example.azurecr.io/shop//bank:1", False),
    ("example.azurecr.io/shop", "example.azurecr.io/shop/:1", False),
    ("example.azurecr.io/shop", "example.azurecr.io/shop/Bank:1", False),
    ("example.azurecr.io", "Example.azurecr.io/shop", False),
    ("example.azurecr.io", "https://example.azurecr.io/shop", False),
    ("registry.example.com", "registry.example.com:5000/shop:1", False),
    ("registry.example.com:5000", "registry.example.com/shop:1", False),
    ("nginx", "nginx:1.29", False),
    ("docker.io", "Shop/api", False),
    ("docker.io/library", "bitnami/redis:8", False),
    ("docker.io/bitnami", "redis:8", False),
    ("example.azurecr.io", "nginx", False),
    ("example.azurecr.io", "evil.example.net/example.azurecr.io/shop", False),
    ("example.azurecr.io", f"evil.example.net/shop@{DIGEST}", False),
]
"""A registry or a folder of one, an image, and whether it is one of its images."""

KEYS: list[tuple[str, str, bool]] = [
    ("shared-token", "shared-token", True),
    ("shop-*", "shop-a", True),
    ("shop-*", "shop-", True),
    ("shop*", "shop", True),
    ("shop-*", "secret/shop-a", True),
    ("shop-*", "cert/shop-a", True),
    ("shop-*", "key/shop-a", True),
    ("shared-token", "secret/shared-token", True),
    ("shared-token", "shared-token-2", False),
    ("shared-token", "shared", False),
    ("shop-*", "shop", False),
    ("shop-*", "bank-shop-a", False),
    ("shop-*", "SHOP-a", False),
    ("shop-*", "secret/bank", False),
    ("shop-*", "shop-a/bank", False),
    ("shop-*", "secret/shop-a/bank", False),
    ("shop-*", "secrets/shop-a", False),
    ("shop-*", "certificate/shop-a", False),
    ("shop-*", "shop-a/../bank", False),
    ("shop-*", "shop-a?api-version=7.4", False),
    ("shop-*", "shop-a\nbank", False),
    ("shop-*", "", False),
    ("shop-*", "*", False),
    ("secret*", "secret/bank", False),
]
"""A pattern of names in the vault, a key of an ExternalSecret, and whether it is one of them.

Key Vault itself takes names in any letters; whoever writes another's in capitals gets no further by it.
"""

HOSTS: list[tuple[str, str, bool]] = [
    ("a.example.com", "a.example.com", True),
    ("*.example.com", "a.example.com", True),
    ("*.example.com", "*.example.com", True),
    ("a.example.com", "b.example.com", False),
    ("*.example.com", "example.com", False),
    ("*.example.com", "a.b.example.com", False),
    ("*.example.com", "aexample.com", False),
    ("a.example.com", "*.example.com", False),
    ("*.example.com", "*.com", False),
    ("*.example.com", "com", False),
]
"""A host that is allowed, one that is asked for, and whether the first covers the second."""
