from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from arriero.router.offer import names_of, record_of_router
from arriero.types.models import Architecture, ModelDetails
from tests.factories_store import record
from tests.router.factories_routing import settings

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
SMALL = record(
    "small",
    size_bytes=100,
    details=ModelDetails("gguf", "llama", ("llama",), "135M", "Q4_0"),
    architecture=Architecture("llama", 100, trained_context=2048),
    capabilities=("completion", "tools"),
)
BIG = record(
    "big",
    weights=None,
    size_bytes=0,
    details=ModelDetails(),
    architecture=Architecture("", 0, trained_context=32_768),
    capabilities=("completion", "vision", "thinking", "embedding"),
)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        (
            "Smart",
            {
                "smart": None,
                "smart:latest": None,
                "smart:local": "local",
                "smart:latest:local": "local",
                "smart:remote": "remote",
                "smart:latest:remote": "remote",
            },
        ),
        ("smart:v2", {"smart:v2": None, "smart:v2:local": "local", "smart:v2:remote": "remote"}),
    ],
)
def test_a_router_answers_to(name: str, names: dict[str, str | None]) -> None:
    assert dict(names_of(name)) == names


def test_a_port_is_no_tag() -> None:
    assert "host:80/org/smart:latest" in dict(names_of("host:80/org/smart"))


def test_a_router_can_do_what_one_of_its_models_can_but_for_vectors() -> None:
    found = record_of_router(settings(), SMALL, BIG, SINCE)

    assert set(found.capabilities) == {"completion", "tools", "vision", "thinking"}
    assert found.architecture.trained_context == 32_768
    assert (found.carrier, found.weights, found.size_bytes, found.modified_at) == ("router", None, 100, SINCE)


@pytest.mark.parametrize("models", [(SMALL, BIG), (SMALL, None), (None, BIG), (None, None)])
def test_whatever_models_are_there_nothing_that_clients_read_is_empty(models: tuple[Any, Any]) -> None:
    found = record_of_router(settings(judge="judge"), *models, SINCE)

    assert "completion" in found.capabilities
    assert all((found.details.format, found.details.family, found.details.families))
    assert found.details.parameter_size
    assert found.details.quantization_level
    assert len(bytes.fromhex(found.digest)) == 32
    assert found.template
    architecture = found.model_info["general.architecture"]
    assert isinstance(found.model_info.get(f"{architecture}.context_length", 1), int)


def test_the_digest_changes_with_the_models() -> None:
    digests = {
        record_of_router(each, SMALL, BIG, SINCE).digest
        for each in (settings(), settings(local="other"), settings(judge="other"), settings(name="other"))
    }

    assert len(digests) == 4
    assert record_of_router(settings(), None, None, SINCE).digest in digests


def test_a_model_that_says_nothing_of_itself_is_told_as_unknown() -> None:
    silent = record("silent", weights=Path("/x"), details=ModelDetails())

    assert record_of_router(settings(), silent, silent, SINCE).details.quantization_level == "unknown"
