from datetime import UTC, datetime, timedelta

import pytest
from ollama import ListResponse, ProcessResponse

from arriero.cli.model_tables import list_text, processor_text, ps_text

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DIGEST = "0123456789abcdef" * 4


def test_the_table_of_models() -> None:
    days = NOW - timedelta(days=2)
    answer = ListResponse.model_validate(
        {
            "models": [
                {"model": name, "modified_at": days, "digest": DIGEST, "size": 94_000_000} for name in ("gen", "x:1")
            ]
        }
    )

    assert list_text(answer.models, "", NOW) == (
        "NAME    ID              SIZE     MODIFIED\n"
        "gen     0123456789ab    94 MB    2 days ago\n"
        "x:1     0123456789ab    94 MB    2 days ago"
    )
    assert "gen" not in list_text(answer.models, "X", NOW)
    assert list_text([], "", NOW) == "NAME    ID    SIZE    MODIFIED"


@pytest.mark.parametrize(
    ("expiry", "until"),
    [
        (NOW + timedelta(minutes=4), "4 minutes from now"),
        (NOW + timedelta(days=365 * 292), "Forever"),
        (NOW - timedelta(seconds=1), "Stopping..."),
    ],
)
def test_the_table_of_loaded_models(expiry: datetime, until: str) -> None:
    model = ProcessResponse.Model.model_validate(
        {
            "name": "gen",
            "digest": DIGEST,
            "size": 2_000_000_000,
            "size_vram": 0,
            "expires_at": expiry,
            "context_length": 4096,
        }
    )

    assert ps_text([model], "", NOW).splitlines() == [
        "NAME    ID              SIZE    PROCESSOR    CONTEXT    UNTIL",
        f"gen     0123456789ab    2 GB    100% CPU     4096       {until}",
    ]


@pytest.mark.parametrize(
    ("size", "gpu", "text"),
    [
        (100, 0, "100% CPU"),
        (100, 100, "100% GPU"),
        (100, 101, "Unknown"),
        (0, 5, "Unknown"),
        (100, 52, "48%/52% CPU/GPU"),
    ],
)
def test_where_the_memory_is(size: int, gpu: int, text: str) -> None:
    assert processor_text(size, gpu) == text
