"""What a program says of its router."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from arriero.client.hosts import ModelAt, host_url
from arriero.errors import ConfigError
from arriero.router.plugins import load_scorer
from arriero.router.rules import Rule
from arriero.router.settings import ScorerKind

# The name of routers in programs, in messages and in the log of decisions.
NAME = "SmartRouter"


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """One router: its models, and how it decides between them (see ``AsyncSmartRouter``)."""

    local: ModelAt
    remote: ModelAt
    judge: ModelAt
    scorer: str = "judge"
    threshold: float | None = None
    remote_share: float | None = None
    rules: Sequence[Rule] = ()
    judge_timeout_s: float = 2.0
    judge_load_timeout_s: float = 30.0
    weights: Path | None = None
    log: Path | None = None


def model_at(model: str, host: str | None, api_key: str | None, role: str) -> ModelAt:
    """A model of a role. Raises ConfigError for an address that is none, and for a model without a name."""
    if not model.strip():
        raise ConfigError(f"{role}_model: the name of a model is missing")
    return ModelAt(model.strip(), host_url(host), api_key or None)


def checked(settings: ClientSettings) -> ClientSettings:
    """The settings. Raises ConfigError for what cannot be meant."""
    for name in ("threshold", "remote_share"):
        value = getattr(settings, name)
        if value is not None and not 0 <= value <= 1:
            raise ConfigError(f"{name}: {value} is not between 0 and 1")
    if settings.threshold is not None and settings.remote_share is not None:
        raise ConfigError("give a threshold or a remote_share, not both")
    if min(settings.judge_timeout_s, settings.judge_load_timeout_s) <= 0:
        raise ConfigError("judge_timeout_s and judge_load_timeout_s must be more than 0 seconds")
    if settings.weights is not None and not settings.weights.is_file():
        raise ConfigError(f"weights: {settings.weights} does not exist; make it with arriero route fit")
    if settings.scorer == "fitted" and settings.weights is None:
        raise ConfigError("the scorer 'fitted' needs weights: make them with arriero route fit")
    if settings.scorer not in get_args(ScorerKind):
        load_scorer(settings.scorer)
    return settings
