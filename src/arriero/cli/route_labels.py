"""Labels as commands take them, and what scorers say of their prompts."""

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from arriero.cli import route_flags
from arriero.cli.api import Api
from arriero.cli.progress import waiting
from arriero.errors import InvalidRequest
from arriero.protocol.ollama import WireMessage
from arriero.protocol.router_explain import ExplainRequest
from arriero.router.label_file import Label, read_labels
from arriero.router.labels import read_pairs
from arriero.router.linear import score_prompt
from arriero.router.pairs import labelled
from arriero.router.tuning import raw_probability
from arriero.types.routing import Score


def labels_of(file: Path | None, *, from_log: bool) -> list[Label]:
    """The labels of a file, or of the log. Raises InvalidRequest where none or both are named, or the log has none."""
    if (file is not None) == from_log:
        raise InvalidRequest("give a file of labels, or --from-log")
    if file is not None:
        return read_labels(file)
    path = route_flags.log_file(os.environ)
    found = labelled(read_pairs(path))
    if not found:
        raise InvalidRequest(
            f"no pair of answers in {path} is labelled. Have a router answer some requests on both sides (ask_both = "
            '"2%" and keep_prompts = true), see them with: arriero route pairs, and say how good they are: '
            "arriero route label"
        )
    return [Label(each.prompt, each.gain, each.q_local, each.q_remote, each.score, each.scorer) for each in found]


def with_linear_scores(labels: Sequence[Label]) -> list[Label]:
    """The labels, those without a score with the linear scorer's."""
    return [
        label if label.score is not None else replace(label, score=score_prompt(label.prompt), scorer="linear")
        for label in labels
    ]


def server_scores(router: str, prompts: Sequence[str]) -> list[Score]:
    """What a router on the server that runs says of each prompt. One that a rule decides is sure to be where it goes.

    Raises ServerUnreachable and ServerRefused.
    """
    scores = []
    with Api(os.environ) as api, waiting(f"asking {router} for {len(prompts)} scores"):
        for prompt in prompts:
            told = api.explain(ExplainRequest(router, [WireMessage("user", prompt)])).decision
            if isinstance(told.score, float) and isinstance(told.scorer, str):
                scores.append(Score(told.score, told.scorer, notes=told.notes or ()))
            else:
                scores.append(Score(float(told.side == "remote"), "rule"))
    return scores


def with_server_scores(router: str, labels: Sequence[Label]) -> list[Label]:
    """The labels with the scores of a router on the server that runs, before they are calibrated."""
    scores = server_scores(router, [label.prompt for label in labels])
    return [
        replace(label, score=raw_probability(score), scorer=score.scorer)
        for label, score in zip(labels, scores, strict=True)
        if score.scorer != "rule"
    ]
