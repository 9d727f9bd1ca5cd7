import pytest

from arriero.cli.address import is_loopback, key_for_server, server_url
from arriero.errors import ConfigError


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        ("1.2.3.4:5678", "http://1.2.3.4:5678"),
        (" '1.2.3.4:5678' ", "http://1.2.3.4:5678"),
        (":5678", "http://127.0.0.1:5678"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::]:80", "http://[::1]:80"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:5678", "http://[::1]:5678"),
        ("http://h", "http://h:80"),
        ("https://h", "https://h:443"),
        ("https://h:5678/ollama/", "https://h:5678/ollama"),
        ("h:5678/a/b", "http://h:5678/a/b"),
        ("ollama.com", "https://ollama.com:443"),
        ("h:99999", "http://h:11434"),
    ],
)
def test_the_address_is_read_as_ollamas_client_reads_it(host: str, url: str) -> None:
    assert server_url({"OLLAMA_HOST": host}) == url


def test_an_address_that_is_none() -> None:
    assert server_url({}) == "http://127.0.0.1:11434"
    with pytest.raises(ConfigError, match="give HOST:PORT"):
        server_url({"OLLAMA_HOST": "ftp://h"})


def test_colons_that_make_no_address_are_told() -> None:
    with pytest.raises(ConfigError, match="OLLAMA_HOST: cannot read 'nonsense:::'"):
        server_url({"OLLAMA_HOST": "nonsense:::"})


def test_the_key_is_arrieros_or_ollamas() -> None:
    assert key_for_server({"OLLAMA_API_KEY": "theirs"}) == "theirs"
    assert key_for_server({"OLLAMA_API_KEY": "theirs", "ARRIERO_API_KEY": "ours"}) == "ours"
    assert key_for_server({"ARRIERO_API_KEY": " "}) is None


@pytest.mark.parametrize(("host", "is_it"), [("localhost", True), ("127.0.0.2", True), ("[::1]", True), ("h", False)])
def test_loopback(host: str, is_it: bool) -> None:
    assert is_loopback(host) is is_it
