"""What a vLLM server tells of its models."""

import asyncio
from collections.abc import Sequence
from pathlib import PurePath

from arriero.engines.base import ServedModel
from arriero.engines.openai.infill_marks import fills_gaps
from arriero.engines.own_server.profiles import parsers_for
from arriero.engines.upstream.chat import calls_tools, embeds, probe_template, takes_pictures
from arriero.engines.upstream.facts import Known, Weights, told
from arriero.engines.upstream.list import Listed, context_of
from arriero.engines.upstream.questions import Questions
from arriero.engines.upstream.weights import read_weights
from arriero.types.models import Capability


async def describe(listed: Sequence[Listed], questions: Questions) -> list[ServedModel]:
    """The model under all of its names, and adapters on top of it, which are as it is."""
    if not listed:
        return []
    base = next((model for model in listed if model.parent is None), listed[0])
    path = base.root or ""
    weights = await asyncio.to_thread(read_weights, path)
    capabilities, has_template = await _probe(questions, base, weights)
    return [
        told(
            Known(
                name=model.id,
                context=context_of(model) or context_of(base),
                capabilities=capabilities,
                weights=weights,
                path=path,
                has_template=has_template,
            )
        )
        for model in listed
    ]


async def _probe(questions: Questions, model: Listed, weights: Weights) -> tuple[list[Capability], bool]:
    """What the model can do, and whether it has a template."""
    if await embeds(questions, model.id):
        return ["embedding"], True
    found: list[Capability] = ["completion"]
    template = await probe_template(questions, model.id)
    if template.is_there:
        # A template that shows no tools drops them without a word; without a parser for calls, vLLM refuses them.
        if (template.takes_tools or not template.is_known) and await calls_tools(questions, model.id):
            found.append("tools")
        if await takes_pictures(questions, model.id):
            found.append("vision")
        parsers = parsers_for("vllm", weights.architecture, PurePath(model.root or model.id).name, weights.template)
        if template.thinks or parsers.reasoning:
            found.append("thinking")
    if fills_gaps(model.id):
        found.append("insert")
    return found, template.is_there
