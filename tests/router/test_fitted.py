"""A fitted model: kept in a file, and scoring."""

from pathlib import Path

import pytest
from msgspec import json, structs

from arriero.errors import ConfigError
from arriero.router.fitted import FORMAT, FittedModel, FittedScorer, load
from arriero.router.scoring import ScorerFailed
from arriero.router.subject import Subject
from arriero.router.terms import CUE_NAMES
from arriero.types.chat import Message
from tests.router.factories_fitting import viewer


def model(**changes: object) -> FittedModel:
    plain = FittedModel(
        format=FORMAT,
        space="small",
        terms={"integral": 0.3, "cake": -0.3},
        cues=[0.0] * len(CUE_NAMES),
        nearness=[[0.1, -0.1], [0.0, 0.0]],
        lean=0.0,
        gain=0.1,
        slope=4.0,
        offset=-0.4,
        labels=100,
    )
    return structs.replace(plain, **changes)


def asked(text: str) -> Subject:
    return Subject((Message("user", text),))


def test_a_word_with_weight_moves_the_probability() -> None:
    scorer = FittedScorer(model(), viewer())

    assert scorer.probability("integral") > 0.6
    assert scorer.probability("cake") < 0.4


async def test_a_score_says_whose_it_is_and_what_it_took() -> None:
    score = await FittedScorer(model(), viewer()).score(asked("integral"))

    assert score.scorer == "fitted"
    assert score.took_ms > 0
    assert score.probability == FittedScorer(model(), viewer()).probability("integral")


async def test_a_follow_up_is_worth_most_of_what_it_follows() -> None:
    scorer = FittedScorer(model(), viewer())
    before = Message("user", "integral")

    followed = await scorer.score(Subject((before, Message("assistant", "1/2"), Message("user", "and now again"))))
    turned = await scorer.score(Subject((before, Message("assistant", "1/2"), Message("user", "thank you"))))

    assert followed.probability == pytest.approx(0.9 * scorer.probability("integral"))
    assert turned.probability == scorer.probability("thank you") < followed.probability


async def test_nothing_asked_is_no_score() -> None:
    with pytest.raises(ScorerFailed, match="no text"):
        await FittedScorer(model(), viewer()).score(asked("  "))


def test_no_number_is_too_large_for_a_probability() -> None:
    sure = FittedScorer(model(slope=1e6), viewer())

    assert 0.0 <= sure.probability("cake") < sure.probability("integral") <= 1.0


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    model().save(tmp_path / "model.json")

    assert load(tmp_path / "model.json") == model()


def test_a_file_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="arriero route fit"):
        load(tmp_path / "none.json")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": 1}', b'{"format": 1, "space": 3}', b"\xff"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match="no fitted model"):
        load(path)


def test_a_model_of_another_format_is_refused_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(json.encode({"format": 7, "whatever": []}))

    with pytest.raises(ConfigError, match="format 7"):
        load(path)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        model().save(tmp_path / "no folder" / "model.json")


def test_a_model_of_another_space_is_refused() -> None:
    with pytest.raises(ConfigError, match="'other'"):
        FittedScorer(model(space="other"), viewer())
