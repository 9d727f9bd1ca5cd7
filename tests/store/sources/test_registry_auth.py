import pytest
from yarl import URL

from arriero.errors import Unauthorized
from arriero.store.sources.registry_auth import Challenge, parse_challenge, token_url

REGISTRY = URL("https://models.example:5000")


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        (
            'Bearer realm="https://a/t",service="s",scope="repository:x/y:pull,push"',
            Challenge("https://a/t", "s", "repository:x/y:pull,push"),
        ),
        ('bearer Realm="https://a/t"', Challenge("https://a/t")),
        ('Bearer service=s, realm="https://a/t"', Challenge("https://a/t", "s")),
        ('Basic realm="r"', None),
        ('Bearer service="s"', None),
        ("", None),
    ],
)
def test_a_challenge_is_read(header: str, challenge: Challenge | None) -> None:
    assert parse_challenge(header) == challenge


def test_a_token_is_asked_for_with_each_scope() -> None:
    url = token_url(Challenge("https://models.example/token?a=b", "my service", "one two"), REGISTRY)
    assert url == URL("https://models.example/token?a=b&service=my+service&scope=one&scope=two")


@pytest.mark.parametrize(
    "realm", ["https://evil.example/token", "http://models.example/token", "/token", "https://models.example.evil/"]
)
def test_a_token_of_another_host_or_without_encryption_is_refused(realm: str) -> None:
    with pytest.raises(Unauthorized, match="only fetched from the registry's own host"):
        token_url(Challenge(realm), REGISTRY)
