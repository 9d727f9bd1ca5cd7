import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from arriero.store.sources.registry import Ask, Patience, Registry, RegistryFailed, RegistryUnreachable, Repository

PATIENCE = Patience(connect_s=5.0, stall_s=5.0)


async def test_what_is_begun_encrypted_never_goes_on_in_plain_http() -> None:
    repository = Repository(URL("https://127.0.0.1:9"), "me/mule", "latest")
    async with Registry(repository, PATIENCE) as registry:
        ask = Ask("PATCH", URL("http://127.0.0.1:9/upload"), body=lambda: b"weights", follows=False)
        with pytest.raises(RegistryFailed, match="points to plain http"):
            async with registry.send(ask):
                raise AssertionError


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """Whom nobody vouches for."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    key, file = tmp_path / "key.pem", tmp_path / "certificate.pem"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=127.0.0.1"]
    subprocess.run([openssl, "req", "-x509", *kind, "-keyout", key, "-out", file], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file, key)
    return context


async def test_a_certificate_that_nobody_vouches_for_is_no_connection(certificate: ssl.SSLContext) -> None:
    runner = web.AppRunner(web.Application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate).start()
    repository = Repository(URL(f"https://127.0.0.1:{runner.addresses[0][1]}"), "me/mule", "latest")
    try:
        async with Registry(repository, PATIENCE) as registry:
            with pytest.raises(RegistryUnreachable, match=r"cannot be reached .*certificate verify failed"):
                await registry.manifest()
    finally:
        await runner.cleanup()
