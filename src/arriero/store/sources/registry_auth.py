"""How a registry asks for a token, and where that token may be fetched. Pure."""

import re
from dataclasses import dataclass

from yarl import URL

from arriero.errors import Unauthorized

_PAIR = re.compile(r'(\w+)=(?:"([^"]*)"|([^",\s]+))')


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 asks for. realm: where tokens are given out. scope: what for, words separated by spaces."""

    realm: str
    service: str = ""
    scope: str = ""


def parse_challenge(header: str) -> Challenge | None:
    """Parse a ``www-authenticate`` header; None where it asks for something else than a bearer token."""
    scheme, _, rest = header.strip().partition(" ")
    values = {match[1].lower(): match[2] or match[3] or "" for match in _PAIR.finditer(rest)}
    if scheme.lower() != "bearer" or not values.get("realm"):
        return None
    return Challenge(values["realm"], values.get("service", ""), values.get("scope", ""))


def token_url(challenge: Challenge, registry: URL) -> URL:
    """Return where the token is to be fetched. Raises Unauthorized where that is not the registry's own host.

    Ollama's rule: a registry must not send its clients, and what they can prove, to somebody else.
    """
    try:
        realm = URL(challenge.realm)
        is_own = realm.host == registry.host and (realm.scheme == "https" or registry.scheme == "http")
    except ValueError:
        is_own = False
    if not is_own:
        raise Unauthorized(
            f"unauthorized: {registry.host} wants a token from {challenge.realm!r}, and tokens are only fetched from "
            "the registry's own host"
        )
    query = [("service", challenge.service)] if challenge.service else []
    query += [("scope", word) for word in challenge.scope.split()]
    return realm.extend_query(query)
