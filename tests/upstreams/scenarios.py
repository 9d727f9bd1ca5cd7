"""All scenarios. The first one tells what a server says of itself."""

from collections.abc import Iterator

from tests.upstreams.answers import ANSWERS
from tests.upstreams.formats import FORMATS
from tests.upstreams.limits import LIMITS
from tests.upstreams.passed import PASSING
from tests.upstreams.scenario import SITES, Scenario, Site
from tests.upstreams.served import SERVED
from tests.upstreams.thoughts import THOUGHTS

SCENARIOS = (*ANSWERS, *FORMATS, *LIMITS, *THOUGHTS, *SERVED, *PASSING)


def cases() -> Iterator[tuple[Site, Scenario]]:
    """Every scenario on every server that it is for."""
    for site in SITES:
        for scenario in SCENARIOS:
            if site in scenario.sites:
                yield site, scenario
