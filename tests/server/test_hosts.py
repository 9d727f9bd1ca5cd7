import ipaddress
from pathlib import Path

import pytest

from arriero.server.app import Access
from arriero.server.hosts import host_without_port, is_local_address, is_local_name
from tests.serving import running_server


@pytest.mark.parametrize("name", ["", "localhost", "LOCALHOST", "box", "a.localhost", "nas.local", "x.internal"])
def test_names_that_mean_this_machine_or_its_network(name: str) -> None:
    assert is_local_name(name, "box")


@pytest.mark.parametrize("name", ["evil.example", "localhost.evil.example", "local", "notlocalhost", "box.example"])
def test_names_that_anybody_can_point_here(name: str) -> None:
    assert not is_local_name(name, "box")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.168.1.5", "10.0.0.1", "0.0.0.0", "8.8.8.8"])
def test_addresses_of_this_machine_or_its_network(address: str) -> None:
    assert is_local_address(ipaddress.ip_address(address), {"8.8.8.8"})


def test_addresses_of_others() -> None:
    assert not is_local_address(ipaddress.ip_address("8.8.4.4"), {"8.8.8.8"})


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("h", "h"),
        ("h:1", "h"),
        ("[::1]:1", "::1"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("", ""),
        ("1.2.3.4:5", "1.2.3.4"),
    ],
)
def test_the_port_is_not_part_of_the_host(given: str, host: str) -> None:
    assert host_without_port(given) == host


@pytest.mark.parametrize(("is_local", "status"), [(True, 403), (False, 200)])
async def test_only_a_server_on_loopback_looks_at_the_host(tmp_path: Path, is_local: bool, status: int) -> None:
    async with (
        running_server(tmp_path, access=Access(is_local=is_local)) as server,
        server.client.get("/api/version", headers={"Host": "evil.example"}) as response,
    ):
        assert response.status == status


@pytest.mark.parametrize(("host", "status"), [("foo.local", 204), ("127.0.0.1", 405), ("evil.example", 403)])
async def test_options_without_an_origin(tmp_path: Path, host: str, status: int) -> None:
    async with (
        running_server(tmp_path, access=Access(is_local=True)) as server,
        server.client.options("/api/chat", headers={"Host": host}) as response,
    ):
        assert response.status == status
