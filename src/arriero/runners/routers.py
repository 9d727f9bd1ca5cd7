"""Makes routers of settings: their scorers, their judges, and who answers for them."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

from arriero.metrics.routing import RoutingMetrics
from arriero.router.cascade import DEFAULT_BAND, CascadeScorer
from arriero.router.decision_log import DecisionLog, LogSettings
from arriero.router.fallback import FallbackScorer
from arriero.router.fitted import FittedScorer
from arriero.router.fitted import load as load_fitted
from arriero.router.judge import JudgeScorer, JudgeSettings
from arriero.router.linear import LinearScorer
from arriero.router.plugins import load_scorer
from arriero.router.router import Router
from arriero.router.scoring import Scorer
from arriero.router.settings import RouterSettings
from arriero.router.share import ShareController
from arriero.router.stack import StackScorer
from arriero.router.tuning import load_share, load_tuning, share_file, tuning_file
from arriero.runners.carrier import Carrier
from arriero.runners.judging import FindJudge, ask_judge, decide_judge, own_judge, tokenize_judge, warm_judge
from arriero.runners.route_record import Recorder
from arriero.runners.routing import Routing
from arriero.store.layout import Layout
from arriero.types.models import ModelRecord

Find = Callable[[str], ModelRecord]
# The kinds of scorers that do, if there is one.
_ASK_A_JUDGE = frozenset({"cascade", "judge", "stack"})


def make_routing(
    routers: Sequence[RouterSettings],
    find: Find,
    carrier: Carrier,
    recorder: Recorder,
    data: Path | None = None,
    find_near: Find | None = None,
) -> Routing:
    """All routers of a server. find: the record of a model by its name. data, find_near: see ``Routing``.

    Raises ConfigError for an unknown scorer, and for a tuning that cannot be read.
    """
    made = [make_router(settings, make_scorer(settings, find, carrier), data) for settings in routers]
    return Routing(made, find, carrier, recorder, data, find_near)


def make_router(settings: RouterSettings, scorer: Scorer, data: Path | None = None) -> Router:
    """A router with what it has learned, if that is kept anywhere. Raises ConfigError where that cannot be read."""
    if data is None:
        return Router(settings, scorer)
    router = Router(settings, scorer, tuning=load_tuning(tuning_file(data, settings.name)))
    if router.share is not None and (state := load_share(share_file(data, settings.name))) is not None:
        router.share = ShareController.from_state(state, settings.remote_share)
    return router


def make_recorder(routers: Sequence[RouterSettings], layout: Layout, registry: CollectorRegistry) -> Recorder:
    """Who writes down and counts what routers decide. Raises ConfigError where the log is of a newer version."""
    if not routers:
        return Recorder()
    keeps_prompts_of = frozenset(each.name for each in routers if each.keeps_prompts)
    is_kept = any(each.keeps_log for each in routers)
    log = DecisionLog(decisions_file(layout), LogSettings(keeps_prompts_of)) if is_kept else None
    return Recorder(log, RoutingMetrics(registry))


def decisions_file(layout: Layout) -> Path:
    """Where decisions are written down."""
    return layout.data / "decisions.db"


def make_scorer(settings: RouterSettings, find: Find, carrier: Carrier, judge: Scorer | None = None) -> Scorer:
    """Who scores for a router; the linear scorer stands in where that fails. judge: in place of the usual one.

    Raises ConfigError for a scorer that there is not.
    """
    linear = LinearScorer()
    if judge is None and settings.judge is not None:
        judge = _judge(settings, settings.judge, find, carrier)
    match kind := settings.scorer_kind:
        case "linear":
            return linear
        case "judge" if judge:
            return FallbackScorer(judge, linear)
        case "cascade" if judge:
            return CascadeScorer(linear, judge, settings.band or DEFAULT_BAND)
        case "fitted" if settings.weights is not None:
            return FallbackScorer(FittedScorer(load_fitted(settings.weights)), linear)
        case "stack":
            fitted = FittedScorer(load_fitted(settings.weights)) if settings.weights is not None else None
            return StackScorer([(scorer, 1.0) for scorer in (fitted or linear, judge) if scorer is not None])
        case _:
            return FallbackScorer(load_scorer(kind), linear)


async def warm_judges(routers: Sequence[RouterSettings], find: Find, carrier: Carrier) -> None:
    """Have the judges that this server runs ready before they are asked. Never raises."""
    asking = [settings for settings in routers if settings.scorer_kind in _ASK_A_JUDGE]
    judges = [_find_judge(settings, settings.judge, find) for settings in asking if settings.judge is not None]
    await asyncio.gather(*(warm_judge(find_judge, carrier) for find_judge in judges))


def _find_judge(settings: RouterSettings, name: str, find: Find) -> FindJudge:
    def find_judge() -> ModelRecord:
        record = find(name)
        return own_judge(record) if settings.has_own_judge else record

    return find_judge


def _judge(settings: RouterSettings, name: str, find: Find, carrier: Carrier) -> JudgeScorer:
    find_judge = _find_judge(settings, name, find)
    return JudgeScorer(
        ask_judge(find_judge, carrier),
        tokenize_judge(find_judge, carrier),
        settings=JudgeSettings(name, settings.judge_timeout_s),
        decides=decide_judge(find_judge, carrier),
    )
