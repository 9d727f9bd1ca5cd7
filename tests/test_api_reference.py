"""What ``docs/api/ollama.md`` says of routes, fields, options and variables is what the code has."""

import re
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

from arriero.protocol import ollama, ollama_account, ollama_create, ollama_embed, ollama_transfer, router_explain
from arriero.protocol.ollama_options import OPTION_TYPES
from tests.documents import ROOT, Table, tables

DOCUMENT = "docs/api/ollama.md"
TABLES = tables(DOCUMENT)
VERDICTS = {"supported", "differs", "not"}
WIRE: dict[tuple[str, str], type[msgspec.Struct]] = {
    ("POST /api/generate", "request"): ollama.GenerateRequest,
    ("POST /api/generate", "answer"): ollama.GenerateResponse,
    ("POST /api/chat", "request"): ollama.ChatRequest,
    ("POST /api/chat", "answer"): ollama.ChatResponse,
    ("POST /api/embed", "request"): ollama_embed.EmbedRequest,
    ("POST /api/embed", "answer"): ollama_embed.EmbedResponse,
    ("POST /api/embeddings", "request"): ollama_embed.EmbeddingsRequest,
    ("POST /api/embeddings", "answer"): ollama_embed.EmbeddingsResponse,
    ("GET /api/tags", "answer"): ollama.ListResponse,
    ("GET /api/ps", "answer"): ollama.ProcessResponse,
    ("POST /api/show", "request"): ollama.ShowRequest,
    ("POST /api/show", "answer"): ollama.ShowResponse,
    ("POST /api/pull", "request"): ollama_transfer.PullRequest,
    ("POST /api/pull", "answer"): ollama_transfer.ProgressResponse,
    ("POST /api/push", "request"): ollama_transfer.PushRequest,
    ("POST /api/push", "answer"): ollama_transfer.ProgressResponse,
    ("POST /api/create", "request"): ollama_create.CreateRequest,
    ("POST /api/create", "answer"): ollama_transfer.ProgressResponse,
    ("POST /api/copy", "request"): ollama_create.CopyRequest,
    ("DELETE /api/delete", "request"): ollama_create.DeleteRequest,
    ("POST /api/me", "answer"): ollama_account.UnauthorizedResponse,
    ("GET /api/status", "answer"): ollama_account.StatusResponse,
    ("GET /api/experimental/model-recommendations", "answer"): ollama_account.RecommendationsResponse,
    ("GET /api/version", "answer"): ollama.VersionResponse,
    ("POST /api/router/explain", "request"): router_explain.ExplainRequest,
    ("POST /api/router/explain", "answer"): router_explain.ExplainResponse,
}
# What every error and every endpoint shares is told in a section of its own.
SHARED = {ollama.ErrorResponse}
MODULES = (ollama, ollama_account, ollama_create, ollama_embed, ollama_transfer, router_explain)


def table(heading: str, head: str) -> Table:
    (found,) = [each for each in TABLES if (each.heading, each.head) == (heading, head)]
    return found


def verdicts(found: Table) -> dict[str, str]:
    """What a table says of each name in its first column."""
    return {name: row[1] for row in found.rows for name in re.findall(r"`([^`]+)`", row[0])}


# A hint is whatever stands behind a field's name.
def structs_in(hint: Any) -> list[tuple[type[msgspec.Struct], str]]:
    """The structs in a type, each with what stands behind a field's name for it."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return [(hint, "")]
    suffix = "[]" if get_origin(hint) is list else ""
    return [(struct, suffix + rest) for inner in get_args(hint) for struct, rest in structs_in(inner)]


def is_free(hint: Any) -> bool:
    """Whether a field holds JSON of the caller's or the author's own."""
    return get_origin(hint) is dict or any(map(is_free, get_args(hint)))


def fields(struct: type[msgspec.Struct], prefix: str = "") -> dict[str, bool]:
    """The dotted names of a struct's fields; whether each holds free JSON. One that is a struct is told by its own."""
    found: dict[str, bool] = {}
    hints = get_type_hints(struct)
    for attribute, name in zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True):
        inner = structs_in(hints[attribute])
        found[prefix + name] = is_free(hints[attribute])
        for nested, suffix in inner:
            found |= fields(nested, f"{prefix}{name}{suffix}.")
    return found


def test_every_line_has_a_verdict() -> None:
    judged = [row for each in TABLES if len(each.rows[0]) == 3 and not each.rows[0][0].isdigit() for row in each.rows]

    assert [row for row in judged if row[1] not in VERDICTS] == []
    assert len(judged) > 250


@pytest.mark.parametrize(("heading", "head"), WIRE, ids=" ".join)
def test_every_field_on_the_wire_is_told(heading: str, head: str) -> None:
    told = verdicts(table(heading, head))
    on_wire = fields(WIRE[heading, head])
    # A struct's own name may stand for itself, or only the names of what is in it.
    leaves = {name for name in on_wire if not any(other.startswith((f"{name}.", f"{name}[].")) for other in on_wire)}

    assert leaves <= told.keys()


@pytest.mark.parametrize(("heading", "head"), WIRE, ids=" ".join)
def test_a_field_that_is_told_is_on_the_wire_or_marked(heading: str, head: str) -> None:
    on_wire = fields(WIRE[heading, head])
    free = tuple(f"{name}{sign}" for name, is_free in on_wire.items() if is_free for sign in ("[].", "."))
    wrong = [
        name
        for name, verdict in verdicts(table(heading, head)).items()
        if verdict != "not" and name not in on_wire and not name.startswith(free)
    ]

    assert wrong == []


def test_every_struct_of_a_request_or_an_answer_is_looked_at() -> None:
    structs = {
        struct
        for module in MODULES
        for name, struct in vars(module).items()
        if name.endswith(("Request", "Response")) and struct.__module__ == module.__name__ and isinstance(struct, type)
    }

    assert structs - SHARED == set(WIRE.values())


def test_every_table_of_an_endpoint_without_structs_says_not() -> None:
    others = [each for each in TABLES if each.head in {"request", "answer"} and (each.heading, each.head) not in WIRE]

    assert {verdict for each in others for verdict in verdicts(each).values()} == {"not"}


def test_the_routes_are_those_that_are_served() -> None:
    source = (ROOT / "src/arriero/server/app.py").read_text()
    routes = re.findall(r'_route\("([A-Z ]+)", "([^"]+)"', source)
    routes += [("GET", path) for path in re.findall(r'_shared\("([^"]+)"', source)]
    told = verdicts(table("Routes", "route"))

    served = {f"{methods} {path.replace(':path', '')}" for methods, path in routes}
    assert {route for route, verdict in told.items() if verdict != "not"} == served


def test_every_endpoint_with_fields_is_a_route() -> None:
    routes = {route.split()[-1] for route in verdicts(table("Routes", "route"))}

    headings = {each.heading for each in TABLES if each.head in {"request", "answer"}}
    assert {heading.split()[-1] for heading in headings} <= routes


def test_the_options_are_those_that_are_read() -> None:
    assert verdicts(table("Options", "option")).keys() == OPTION_TYPES.keys()


def test_the_variables_are_those_that_are_read() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    read = set(re.findall(r'"((?:OLLAMA|ARRIERO)_[A-Z_]+)"', sources)) - {"OLLAMA_API_KEY"}
    told = {name for name, verdict in verdicts(table("Environment", "variable")).items() if verdict != "not"}

    assert {name for name in told if name.startswith(("OLLAMA_", "ARRIERO_"))} == read


def test_the_oddities_are_numbered() -> None:
    (oddities,) = [each for each in TABLES if each.heading.startswith("Oddities")]

    assert [row[0] for row in oddities.rows] == [str(number) for number in range(1, 33)]


def test_links_within_the_document_lead_somewhere() -> None:
    text = (ROOT / DOCUMENT).read_text()
    headings = re.findall(r"^#+ (.*)$", text.lower(), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading).replace(" ", "-") for heading in headings}

    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
