"""HTTPS checks against certificates good and bad, on IPv4 and IPv6, on the loopback."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from tests.adapters.probing import Rows, Serve, answering, check, found, serve
from tests.fakes import FakeClock, FakeEngine
from watchdog.adapters.probes import Probes
from watchdog.health.check import Answer, Http, Tcp

__all__ = ["serve"]

NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"


def certificate(root: Path, days: int = 1, names: str = NAMES) -> ssl.SSLContext:
    """A self-signed one in cert.pem, and the context of a server that shows it."""
    key, request, cert = (str(root / f"{name}.pem") for name in ("key", "request", "cert"))
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request]
    openssl("req", *new, "-subj", "/CN=test", "-addext", names)
    signed = ["-in", request, "-signkey", key, "-out", cert, "-days", str(days)]
    openssl("x509", "-req", *signed, "-copy_extensions", "copy")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@pytest.fixture
def probes() -> Probes:
    return Probes(FakeEngine(), "shop", Rows(), FakeClock())


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This host's authorities: the certificate that the test makes, and no other."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    return tmp_path


async def ask(probes: Probes, url: str, verify: bool = True) -> tuple[Answer, str]:
    return found(await probes.probe(check(Http(url, verify_tls=verify))))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_good_certificate_is_good_on_both_kinds_of_address(
    probes: Probes, serve: Serve, trusted: Path, host: str
) -> None:
    port = await serve(answering("200 OK"), host=host, tls=certificate(trusted))
    address = f"[{host}]" if ":" in host else host
    assert await ask(probes, f"https://{address}:{port}/") == (Answer.OK, "HTTP 200")
    assert found(await probes.probe(check(Tcp(host, port)))) == (Answer.OK, "connected")


async def test_a_certificate_of_nobody_is_bad_unless_any_will_do(
    probes: Probes, serve: Serve, tmp_path: Path
) -> None:
    url = f"https://127.0.0.1:{await serve(answering('200 OK'), tls=certificate(tmp_path))}/"
    assert await ask(probes, url) == (Answer.BAD, "TLS certificate: self-signed certificate")
    assert await ask(probes, url, verify=False) == (Answer.OK, "HTTP 200")


async def test_a_certificate_whose_time_is_over_is_bad(probes: Probes, serve: Serve, trusted: Path) -> None:
    tls = certificate(trusted, days=-1)
    url = f"https://127.0.0.1:{await serve(answering('200 OK'), tls=tls)}/"
    answer, detail = await ask(probes, url)
    assert (answer, detail) == (Answer.BAD, "TLS certificate: certificate has expired")
    assert await ask(probes, url, verify=False) == (Answer.OK, "HTTP 200")


async def test_a_certificate_for_another_name_is_bad(probes: Probes, serve: Serve, trusted: Path) -> None:
    tls = certificate(trusted, names="subjectAltName=DNS:other.example")
    answer, detail = await ask(probes, f"https://localhost:{await serve(answering('200 OK'), tls=tls)}/")
    assert answer is Answer.BAD
    assert detail.startswith("TLS certificate: ")
    assert "localhost" in detail


async def test_the_wrong_protocol_is_bad_both_ways(probes: Probes, serve: Serve, tmp_path: Path) -> None:
    """https asked for http, and the other way round: the baseline's classic."""
    plain = await serve(answering("200 OK"))
    encrypted = await serve(answering("200 OK"), tls=certificate(tmp_path))
    for url in (f"https://127.0.0.1:{plain}/", f"http://127.0.0.1:{encrypted}/"):
        assert found(await probes.probe(check(Http(url), timeout=1)))[0] is Answer.BAD
