"""Records the tapes anew, from real engines. Run as ``scripts/record-engines``."""

import argparse
import asyncio
import sys
import traceback
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from tests.upstreams.engines import engine, gateway, version
from tests.upstreams.recording import Recorder, recording
from tests.upstreams.scenario import FACTS, SITES, Scenario, Site, situation
from tests.upstreams.scenarios import SCENARIOS
from tests.upstreams.tape import Tape, read_tape, tape_path, without_repeats, write_tape

# These are vLLM itself, or stand before it.
_ON_VLLM: tuple[Site, ...] = ("vllm", "smg", "openai")


def main() -> int:
    """Record what is asked for; the exit status tells whether all scenarios came out as they must."""
    parser = argparse.ArgumentParser(prog="scripts/record-engines", description=__doc__)
    for site in SITES:
        parser.add_argument(f"--{site}", metavar="URL", help="a server that runs already")
    parser.add_argument("--site", action="append", choices=SITES, help="only this one (repeatable)")
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--only", action="append", choices=names, metavar="SCENARIO", help="(repeatable)")
    parser.add_argument("--keep-failed", action="store_true", help="write what led to failures, too")
    options = parser.parse_args()
    failed = asyncio.run(_record(options))
    sys.stdout.write(f"{failed} failed\n" if failed else "all recorded\n")
    return 1 if failed else 0


async def _record(options: argparse.Namespace) -> int:
    urls: dict[Site, str | None] = {site: getattr(options, site.replace("-", "_")) for site in SITES}
    sites: Sequence[Site] = options.site or [site for site in SITES if urls[site]] or SITES
    failed = 0
    async with AsyncExitStack() as stack:
        if urls["vllm"] is None and any(site in sites and urls[site] is None for site in _ON_VLLM):
            urls["vllm"] = await stack.enter_async_context(engine("vllm", None))
        for site in sites:
            chosen = [
                scenario for scenario in SCENARIOS if site in scenario.sites and _is_chosen(scenario, options.only)
            ]
            async with _reached(site, urls) as (url, between):
                told = await version(site, url)
                for scenario in chosen:
                    failed += not await _record_one(site, url, scenario, told, between, options.keep_failed)
    return failed


@asynccontextmanager
async def _reached(site: Site, urls: Mapping[Site, str | None]) -> AsyncIterator[tuple[str, Recorder | None]]:
    """A server's address, and what stands between it and its worker."""
    worker = urls["vllm"]
    if site == "smg" and urls[site] is None:
        assert worker is not None
        async with gateway(worker) as (url, between):
            yield url, between
    else:
        async with engine(site, worker if site == "openai" and urls[site] is None else urls[site]) as url:
            yield url, None


def _is_chosen(scenario: Scenario, only: Sequence[str] | None) -> bool:
    return not only or scenario.name in only


async def _record_one(
    site: Site, url: str, scenario: Scenario, told: str, between: Recorder | None, keeps_failed: bool
) -> bool:
    """Run a scenario and write its tape. Whether it came out as it must."""
    is_well = True
    async with recording(url) as recorder:
        (between or recorder).cut_after = scenario.cut_after
        try:
            async with situation(site, recorder.url) as at:
                await scenario.run(at)
        except Exception:  # noqa: BLE001  # a failed scenario is told, and the next one recorded
            is_well = False
            traceback.print_exc()
    end = "" if is_well else ", FAILED"
    sys.stdout.write(f"{site} {scenario.name}: {len(recorder.exchanges)} exchanges{end}\n")
    sys.stdout.flush()
    if is_well or keeps_failed:
        elsewhere = read_tape(tape_path(site, FACTS)).exchanges if scenario.name != FACTS else ()
        exchanges = without_repeats(recorder.exchanges, elsewhere)
        write_tape(tape_path(site, scenario.name), Tape(told, exchanges, _note(scenario, between)))
    return is_well


def _note(scenario: Scenario, between: Recorder | None) -> str:
    if scenario.cut_after is None:
        return ""
    where = "between the gateway and its worker" if between else "to the engine"
    return f"real, but for the connection {where}: that was cut after {scenario.cut_after} chunks"


if __name__ == "__main__":
    sys.exit(main())
