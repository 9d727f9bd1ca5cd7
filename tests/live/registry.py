"""A real registry: Docker's, as Debian packages it, as a process on loopback."""

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARY = shutil.which("docker-registry")
_START_TIMEOUT_S = 20.0
_SETTINGS = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "{host}"}}
"""


@contextmanager
def docker_registry(root: Path) -> Iterator[str]:
    """Run an empty registry; its address, as names of models have it."""
    assert BINARY is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    settings = root / "registry.yml"
    settings.write_text(_SETTINGS.format(root=root / "registry", host=host))
    with subprocess.Popen([BINARY, "serve", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as it:
        try:
            _wait_until_up(host)
            yield host
        finally:
            it.terminate()


def _wait_until_up(host: str) -> None:
    until = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            urllib.request.urlopen(f"http://{host}/v2/", timeout=1).close()
        except OSError:
            assert time.monotonic() < until, "the registry does not start"
            time.sleep(0.05)
        else:
            return
