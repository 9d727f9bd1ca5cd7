import pytest

from arriero.client.hosts import ModelAt, host_url
from arriero.client.sides import names_of_models
from arriero.errors import ConfigError


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("http://localhost:11434", "http://localhost:11434"),
        ("localhost:11434", "http://localhost:11434"),
        ("localhost", "http://localhost:11434"),
        ("", "http://127.0.0.1:11434"),
        (None, "http://127.0.0.1:11434"),
        (":5000", "http://127.0.0.1:5000"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://example.com", "http://example.com:80"),
        ("https://example.com/v1/", "https://example.com:443/v1"),
        ("example.com:56789/path/", "http://example.com:56789/path"),
        ("[::1]:56789", "http://[::1]:56789"),
        ("http://[::]", "http://[::1]:80"),
    ],
)
def test_a_host_is_written_as_ollamas_client_takes_it(host: str | None, url: str) -> None:
    assert host_url(host) == url


@pytest.mark.parametrize("host", ["ftp://example.com", "http://host:port", "two words", "http://[::1"])
def test_what_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="is no address of a server: give a URL"):
        host_url(host)


def test_models_of_one_name_at_two_servers_are_told_apart() -> None:
    here, there = ModelAt("m", "http://here"), ModelAt("m", "http://there")
    assert names_of_models([here, there, here]) == ["m", "m at http://there", "m"]
    assert names_of_models([here, ModelAt("n", "http://there"), there]) == ["m", "n", "m at http://there"]
