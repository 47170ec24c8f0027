"""Who signs an application's images: ``signedBy`` of ``tenants/<app>.yaml``."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

_Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2000)]
_Key = Annotated[
    str,
    StringConstraints(
        strict=True,
        # https://docs.sigstore.dev/cosign/key_management/overview/
        pattern=r"^(-----BEGIN PUBLIC KEY-----[\s\S]+-----END PUBLIC KEY-----\s*|(azurekms|awskms|gcpkms|hashivault)://\S+)$",
    ),
]

ALLOWED = {
    "issuer": "who vouched for the signer, such as https://token.actions.githubusercontent.com",
    "identity": "the signer, such as https://github.com/example/shop/.github/workflows/build.yml@refs/heads/main",
    "key": "a public key, PEM, or one of a key management service, such as azurekms://vault.vault.azure.net/key",
    "attestation": "slsaprovenance, slsaprovenance02, slsaprovenance1, spdxjson or cyclonedx",
    "transparencyLog": "true or false",
}
"""What each key may hold, for messages."""
WHOLE = "a mapping with issuer and identity, or with key"


class SignedBy(BaseModel):
    """Whose signature images have, as cosign checks it: a pipeline's identity, or a key's.

    https://docs.sigstore.dev/cosign/verifying/verify/
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    issuer: _Text | None = None
    """Who vouched for the identity: the OIDC issuer in the signature's certificate."""
    identity: _Text | None = None
    """The identity in that certificate, such as a workflow at a branch."""
    key: _Key | None = None
    """A public key in the place of an identity: PEM, or the URI of a key management service."""
    attestation: Literal["slsaprovenance", "slsaprovenance02", "slsaprovenance1", "spdxjson", "cyclonedx"] | None = None
    """The type of attestation that has to be signed so, in the place of the image alone."""
    transparency_log: Annotated[bool, Field(strict=True, alias="transparencyLog")] = True
    """Whether the signature has to be in Sigstore's public log; only a key's may be elsewhere."""

    @model_validator(mode="after")
    def _one_signer(self) -> Self:
        keyless = self.issuer is not None and self.identity is not None
        if (self.key is None) is not keyless or (self.key is not None and (self.issuer or self.identity)):
            raise ValueError(f"allowed: {WHOLE}")
        if self.key is None and not self.transparency_log:
            raise ValueError(
                "allowed with key only: transparencyLog: false, as an identity's certificate lives minutes"
            )
        return self
