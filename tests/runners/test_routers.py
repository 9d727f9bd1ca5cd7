"""What routers are made of, by their settings."""

import pytest

from arriero.engines.fake import FakeEngine
from arriero.router.settings import RouterSettings
from arriero.runners.routers import warm_judges
from tests.runners.routers import JUDGE, FakeCarrier, chat_model


@pytest.mark.parametrize(
    ("scorer", "judge", "is_asked"),
    [
        (None, JUDGE, True),
        ("judge", JUDGE, True),
        ("stack", JUDGE, True),
        ("linear", JUDGE, False),
        ("fitted", JUDGE, False),
        (None, None, False),
    ],
)
async def test_a_judge_is_made_ready_where_it_will_be_asked(
    scorer: str | None, judge: str | None, *, is_asked: bool
) -> None:
    carrier = FakeCarrier({JUDGE: FakeEngine()})
    settings = RouterSettings("small", "big", judge, scorer=scorer)
    await warm_judges([settings], lambda _: chat_model(JUDGE), carrier)

    assert carrier.asked == [JUDGE] * is_asked
