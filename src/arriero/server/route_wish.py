"""What a request to a router says of its way, in a header, an option or its metadata."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from arriero.errors import InvalidRequest
from arriero.server.exchange import Exchange
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord
from arriero.types.routing import SIDES, Side, Wish, most_private, side_of

FORCE_HEADER = b"x-arriero-force"
SESSION_HEADER = b"x-arriero-session"
METADATA_HEADER = b"x-arriero-meta-"
ROUTE_OPTION = "route"
_BEARER = "bearer "


# Options and metadata are the caller's JSON.
def with_wish(
    demand: Demand, exchange: Exchange, record: ModelRecord, options: Mapping[str, Any], metadata: Mapping[str, Any]
) -> Demand:
    """The demand with what the request says of its way. Raises InvalidRequest for a side that there is not.

    Models that are no router have no use for it. Where header and option disagree, the most private wins.
    """
    if record.carrier != "router":
        return demand
    forces = [read_side(options.get(ROUTE_OPTION), f'option "{ROUTE_OPTION}"')]
    session = ""
    keys: list[str] = []
    told = {name: _as_text(value) for name, value in metadata.items() if isinstance(value, str | int | float)}
    for name, raw in exchange.headers:
        value = raw.decode("latin-1").strip()
        if name == FORCE_HEADER:
            forces.append(read_side(value, FORCE_HEADER.decode()))
        elif name == SESSION_HEADER:
            session = value
        elif name.startswith(METADATA_HEADER):
            told[name[len(METADATA_HEADER) :].decode("latin-1")] = value
        elif name == b"x-api-key" or (name == b"authorization" and value.lower().startswith(_BEARER)):
            keys.append(value if name == b"x-api-key" else value[len(_BEARER) :].strip())
    return replace(demand, wish=Wish(most_private(forces), tuple(keys), told, session))


# An option is any JSON.
def read_side(value: Any, place: str) -> Side | None:
    """The side that is named somewhere, in any case; None where nothing is. Raises InvalidRequest for anything else."""
    side = side_of(value.strip().lower()) if isinstance(value, str) else None
    if side is None and value is not None and value != "":
        raise InvalidRequest(f"{place} must be one of {', '.join(SIDES)}")
    return side


def _as_text(value: str | float) -> str:
    """A value as a rule has it: what is no text, such as ``true``, as JSON writes it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
