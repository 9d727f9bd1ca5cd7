from pathlib import Path

import pytest

from arriero.errors import ConfigError
from arriero.router.calibration import Isotonic, Platt
from arriero.router.linear import LinearScorer
from arriero.router.router import Router
from arriero.router.settings import RouterSettings
from arriero.router.share import ShareController
from arriero.router.tuning import (
    NO_TUNING,
    Tuning,
    calibrated,
    load_share,
    load_tuning,
    raw_probability,
    save_share,
    save_tuning,
    share_file,
    tuning_file,
)
from arriero.types.routing import Score

TUNING = Tuning(0.41, {"linear": Platt(0.5, -1.0), "judge": Isotonic(((0.1, 0.2), (0.9, 0.8)))})


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tuning_file(tmp_path, "smart")

    save_tuning(path, TUNING)

    assert load_tuning(path) == TUNING
    assert [each.name for each in path.parent.iterdir()] == ["smart.json"]


def test_no_file_is_no_tuning(tmp_path: Path) -> None:
    assert load_tuning(tuning_file(tmp_path, "smart")) == NO_TUNING


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"threshold": "high"}',
        b'{"treshold": 0.4}',
        b'{"calibrations": {"linear": {"type": "isotonic", "points": []}}}',
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "smart.json"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"smart\.json is no tuning of a router: .* arriero route calibrate"):
        load_tuning(path)


@pytest.mark.parametrize("name", ["../../etc/passwd", "me/smart:v1", "..", "C:\\x", "smärt", "a\0b"])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    path = tuning_file(tmp_path, name)
    save_tuning(path, TUNING)

    assert path.parent == tmp_path / "routers"
    assert load_tuning(path) == TUNING
    assert share_file(tmp_path, name).parent == tmp_path / "routers" / "share"


def test_names_are_alike_in_any_case_and_different_ones_stay_apart(tmp_path: Path) -> None:
    assert tuning_file(tmp_path, "Smart") == tuning_file(tmp_path, "smart")
    assert len({tuning_file(tmp_path, name) for name in ("a/b", "a%2Fb", "a-b", "a.b")}) == 4


def test_a_calibrated_score_tells_what_the_scorer_said() -> None:
    score = calibrated(Score(0.731, "linear", notes=("cached",)), TUNING.calibrations)

    assert score.probability == TUNING.calibrations["linear"](0.731)
    assert raw_probability(score) == 0.731
    assert score.notes == ("cached", "raw=0.731")


def test_a_scorer_without_a_calibration_is_left_alone() -> None:
    score = Score(0.7, "cascade")

    assert calibrated(score, TUNING.calibrations) is score
    assert raw_probability(score) == 0.7


def test_what_a_share_knows_is_kept_and_what_is_broken_is_nothing(tmp_path: Path) -> None:
    path = share_file(tmp_path, "smart")
    controller = ShareController(0.3)
    for place in range(50):
        controller.decide(place / 50)

    assert load_share(path) is None
    save_share(path, controller.to_state())
    assert load_share(path) == controller.to_state()
    path.write_bytes(b"{")
    assert load_share(path) is None


def router(settings: RouterSettings, tuning: Tuning) -> Router:
    return Router(settings, LinearScorer(), tuning=tuning)


def test_the_users_own_threshold_wins() -> None:
    assert router(RouterSettings("a", "b"), NO_TUNING).threshold == 0.5
    assert router(RouterSettings("a", "b"), TUNING).threshold == 0.41
    assert router(RouterSettings("a", "b", threshold=0.7), TUNING).threshold == 0.7


def test_a_share_begins_at_the_tuned_threshold() -> None:
    held = RouterSettings("a", "b", remote_share=0.3)

    assert router(held, Tuning(0.9)).threshold > router(held, Tuning(0.1)).threshold
