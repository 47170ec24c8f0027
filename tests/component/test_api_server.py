"""An update goes on once the API server answers this machine, and says what to do where it does not."""

import asyncio
import base64
import datetime as dt
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import pulumi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from components.azure import reach
from components.azure.reach import NotReachedError, await_answer, reached
from settings import LOOKED_AT, PLAN, REHEARSAL
from settings.types import Exposure
from tests.clock import Clock


class Server:
    """An API server that wants a sign-in."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api")])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.authority = certificate.public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "server.pem").write_bytes(self.authority + private)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(401)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def kubeconfig(self, *, port: int | None = None, authority: bytes | None = None) -> str:
        cluster = {
            "server": f"https://127.0.0.1:{port or self.http.server_port}",
            "certificate-authority-data": base64.b64encode(authority or self.authority).decode(),
        }
        return json.dumps({"clusters": [{"name": "aks", "cluster": cluster}]})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.http.shutdown()
    server.http.server_close()


def test_any_answer_will_do(server: Server) -> None:
    await_answer(server.kubeconfig(), sleep=lambda _: pytest.fail("nobody has to wait"))


def test_a_new_name_has_its_time_and_no_more(server: Server) -> None:
    clock = Clock()
    with pytest.raises(NotReachedError, match=r"https://127.0.0.1:1 did not answer within 20 s \(.*refused\)"):
        await_answer(server.kubeconfig(port=1), seconds=20, sleep=clock.sleep, clock=clock)
    assert clock.now == 20


def test_calls_that_take_all_their_time_count(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()

    def dropped(_: str, __: str, seconds: float) -> str:
        clock.sleep(seconds)
        return "timed out"

    monkeypatch.setattr(reach, "_why_no_answer", dropped)
    with pytest.raises(NotReachedError, match="within 120 s"):
        await_answer(server.kubeconfig(), sleep=clock.sleep, clock=clock)
    assert 110 <= clock.now <= 121


def test_a_server_that_answers_later_is_reached(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["Name or service not known", None])
    monkeypatch.setattr(reach, "_why_no_answer", lambda *_: next(answers))
    await_answer(server.kubeconfig(), sleep=lambda _: None)


def test_a_server_with_the_certificate_of_another_is_not_reached(server: Server, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Server(tmp_path / "other")
    with pytest.raises(NotReachedError, match="CERTIFICATE_VERIFY_FAILED"):
        await_answer(server.kubeconfig(authority=other.authority), seconds=0, sleep=lambda _: None)
    other.http.shutdown()
    other.http.server_close()


@pytest.mark.parametrize(
    ("exposure", "words"),
    [
        (Exposure.PRIVATE, "docs/runbooks/private-api-server.md"),
        (Exposure.VNET_INTEGRATED, "docs/runbooks/private-api-server.md"),
        (Exposure.AUTHORIZED_RANGES, "cluster.apiServer.authorizedIpRanges"),
        (Exposure.OPEN, "the network between this machine and the Internet"),
    ],
)
def test_an_update_ends_with_what_to_do_and_a_preview_and_a_plan_ask_nobody(
    monkeypatch: pytest.MonkeyPatch, exposure: Exposure, words: str
) -> None:
    def silent(_: str) -> None:
        raise NotReachedError("the API server https://x did not answer")

    monkeypatch.setattr(reach, "await_answer", silent)

    async def ask(*, dry: bool, offline: bool) -> str:
        monkeypatch.setenv(LOOKED_AT, PLAN if offline else REHEARSAL)
        monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: dry)
        return await reached("kubeconfig", exposure)

    for dry, offline in ((True, False), (False, True)):
        assert asyncio.run(ask(dry=dry, offline=offline)) == "kubeconfig"
    with pytest.raises(pulumi.RunError, match=f"did not answer: .*{words}"):
        asyncio.run(ask(dry=False, offline=False))


def test_every_way_to_expose_a_server_has_a_way_out() -> None:
    assert set(reach._WAYS) == set(Exposure)
