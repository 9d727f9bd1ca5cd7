"""Routers as the configuration file has them: ``[router.NAME]``."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from arriero.errors import ConfigError, InvalidRequest
from arriero.router.offer import names_of
from arriero.router.rule_tables import parse_share, read_rules
from arriero.router.rules import ABILITIES
from arriero.router.settings import Limits, Prices, RouterSettings, Sessions
from arriero.types.names import parse_name, split_source
from arriero.types.routing import SIDES, Side

TABLE = "router"
_PERIODS_S = {"hour": 3600.0, "day": 86_400.0, "month": 30 * 86_400.0}
Period = Literal["hour", "day", "month"]
_ROLES = ("local", "remote", "judge")


class _Router(msgspec.Struct, forbid_unknown_fields=True):
    """``[router.NAME]``: see ``RouterSettings``. remote_share: a number, or a percentage such as ``30%``."""

    local: str
    remote: str
    judge: str | None = None
    scorer: str | None = None
    threshold: float | None = None
    remote_share: float | str | None = None
    band: tuple[float, float] | None = None
    weights: str | None = None
    judge_timeout_s: float = 2.0
    judge_has_own_process: bool = True
    local_upstream: str | None = None
    local_lacks: tuple[str, ...] = ()
    remote_lacks: tuple[str, ...] = ()
    local_most_in_flight: int | None = None
    remote_most_in_flight: int | None = None
    keep_sessions: bool = True
    comes_down_after: int = 3
    price_in: float = 0.0
    price_out: float = 0.0
    budget: float | None = None
    budget_period: Period = "day"
    second_look: bool = False
    shadow: Side | None = None
    ask_both: float | str = 0.0
    start_ahead: bool | None = None
    log: bool = True
    keep_prompts: bool = False
    rules: list[dict[str, Any]] = msgspec.field(default_factory=list)


# A table is whatever the user wrote until it has been checked here.
def read_routers(path: Path, tables: Any) -> tuple[RouterSettings, ...]:
    """The routers of a file. Raises ConfigError for what makes no sense."""
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise ConfigError(f"{path}: a router stands in a table with its name, such as [{TABLE}.smart]")
    return tuple(_settings(f"{path}: [{TABLE}.{name}]", name, table) for name, table in tables.items())


def check_together(routers: Sequence[RouterSettings]) -> tuple[RouterSettings, ...]:
    """All routers of a server. Raises ConfigError where they go by the same names, or are models of each other."""
    owners: dict[str, str] = {}
    for settings in routers:
        for name, _ in names_of(settings.name):
            if owners.setdefault(name, settings.name) != settings.name:
                raise ConfigError(f"routers {owners[name]!r} and {settings.name!r} would both be called {name}")
    for settings in routers:
        for role in _ROLES:
            model = getattr(settings, role)
            if model is not None and not owners.keys().isdisjoint(_meanings(model)):
                raise ConfigError(
                    f"router {settings.name!r} {role}: {model} is a router; name a model that answers itself"
                )
    return tuple(routers)


def check_upstreams(routers: Sequence[RouterSettings], upstreams: Sequence[str]) -> None:
    """Raise ConfigError where a router names a server elsewhere that there is not."""
    for settings in routers:
        if settings.local_upstream is not None and settings.local_upstream not in upstreams:
            there = ", ".join(upstreams) or "none"
            raise ConfigError(
                f"router {settings.name!r} local_upstream: no upstream is called {settings.local_upstream!r}; "
                f"there are: {there}"
            )


def _meanings(model: str) -> set[str]:
    """All that a model's name is taken for, in lower case."""
    found = {model.strip().lower()}
    with suppress(InvalidRequest):
        name, _ = split_source(model)
        found |= {name.lower(), parse_name(name).short.lower()}
    return found


def check_router(settings: RouterSettings, place: str) -> RouterSettings:
    """The settings. Raises ConfigError for what cannot be meant; place: where they come from."""
    if not settings.name.strip():
        raise ConfigError(f"{place} the router has no name")
    if settings.name.strip().lower().endswith(tuple(f":{side}" for side in SIDES)):
        raise ConfigError(f"{place} the name must not end like that of one of its sides")
    for role in _ROLES:
        name = getattr(settings, role)
        if name is not None and not name.strip():
            raise ConfigError(f"{place} {role}: the name of a model is missing")
    _check_numbers(settings, place)
    _check_prices(settings.prices, place)
    if settings.scorer in {"cascade", "judge"} and settings.judge is None:
        raise ConfigError(f"{place} scorer {settings.scorer!r} needs a judge: name a model with judge = …")
    if settings.scorer == "fitted" and settings.weights is None:
        raise ConfigError(f"{place} scorer 'fitted' needs weights: make them with arriero route fit")
    if settings.weights is not None and not settings.weights.is_file():
        raise ConfigError(f"{place} weights: {settings.weights} does not exist; make it with arriero route fit")
    _check_effects(settings, place)
    for side in SIDES:
        if unknown := set(settings.lacks.get(side, ())) - set(ABILITIES):
            words = ", ".join(ABILITIES)
            raise ConfigError(f"{place} {side}_lacks: nothing is called {sorted(unknown)[0]!r}; one of {words}")
    return settings


def _check_effects(settings: RouterSettings, place: str) -> None:
    """Raise ConfigError for what would have no effect."""
    if settings.weights is not None and (kind := settings.scorer_kind) not in {"fitted", "stack"}:
        raise ConfigError(f"{place} weights: the scorer {kind!r} has none; say scorer = 'fitted' or 'stack'")
    if settings.asks_both and not (settings.keeps_log and settings.keeps_prompts):
        raise ConfigError(f"{place} ask_both needs log and keep_prompts: nobody can judge answers that are not kept")


def _check_numbers(settings: RouterSettings, place: str) -> None:
    shares = {"threshold": settings.threshold, "remote_share": settings.remote_share, "ask_both": settings.asks_both}
    for name, value in shares.items():
        if value is not None and not 0 <= value <= 1:
            raise ConfigError(f"{place} {name}: {value} is not between 0 and 1")
    if settings.threshold is not None and settings.remote_share is not None:
        raise ConfigError(f"{place} give a threshold or a remote_share, not both")
    if settings.band is not None and not 0 <= settings.band[0] <= settings.band[1] <= 1:
        raise ConfigError(f"{place} band: give two numbers between 0 and 1, the smaller one first")
    if settings.judge_timeout_s <= 0:
        raise ConfigError(f"{place} judge_timeout_s must be more than 0 seconds")
    for side, limits in settings.limits.items():
        if limits.most_in_flight is not None and limits.most_in_flight < 1:
            raise ConfigError(f"{place} {side}_most_in_flight must be 1 or more")
    if settings.sessions.comes_down_after < 1:
        raise ConfigError(f"{place} comes_down_after must be 1 or more")


def _check_prices(prices: Prices, place: str) -> None:
    if min(prices.price_in, prices.price_out, prices.budget or 0) < 0:
        raise ConfigError(f"{place} prices and budget must not be negative")
    if prices.budget is not None and not (prices.price_in or prices.price_out):
        raise ConfigError(f"{place} a budget needs price_in and price_out: what a million remote tokens cost")


def _settings(place: str, name: str, table: Any) -> RouterSettings:
    try:
        router = msgspec.convert(table, _Router)
    except msgspec.ValidationError as error:
        known = {"budget_period": get_args(Period), "shadow": SIDES}
        hint = next((f"; one of {', '.join(words)}" for key, words in known.items() if f"$.{key}" in str(error)), "")
        raise ConfigError(f"{place} {error}{hint}") from error
    settings = RouterSettings(
        local=router.local,
        remote=router.remote,
        judge=router.judge,
        name=name,
        scorer=router.scorer,
        threshold=router.threshold,
        remote_share=None if router.remote_share is None else parse_share(router.remote_share, f"{place} remote_share"),
        band=router.band,
        weights=Path(router.weights).expanduser() if router.weights else None,
        judge_timeout_s=router.judge_timeout_s,
        has_own_judge=router.judge_has_own_process,
        rules=read_rules(router.rules, f"{place} rules"),
        lacks={"local": router.local_lacks, "remote": router.remote_lacks},
        limits={"local": Limits(router.local_most_in_flight), "remote": Limits(router.remote_most_in_flight)},
        sessions=Sessions(router.keep_sessions, router.comes_down_after),
        prices=Prices(router.price_in, router.price_out, router.budget, _PERIODS_S[router.budget_period]),
        looks_twice=router.second_look,
        shadow=router.shadow,
        asks_both=parse_share(router.ask_both, f"{place} ask_both"),
        starts_ahead=router.start_ahead,
        keeps_log=router.log,
        keeps_prompts=router.keep_prompts,
        local_upstream=router.local_upstream,
    )
    return check_router(settings, place)
