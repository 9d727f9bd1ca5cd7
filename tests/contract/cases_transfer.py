"""Pulling and pushing. The names say which registry is meant: one that is there for the case."""

from typing import Any

from tests.contract.case import JSON_TYPE, NDJSON_TYPE, Case, Expected, Step
from tests.contract.cases_general import error, post
from tests.contract.matching import REST
from tests.serving import Running
from tests.store.registry import running_registry

WEIGHTS, LICENSE = bytes(range(256)) * 256, b"Do as you like."
NOT_THERE = {"error": "pull model manifest: file does not exist"}


# Bodies and patterns are JSON.
def pull(model: str, *expected: Expected, **more: Any) -> Step:
    """Pull a model as often as there are answers expected. The registry has ``gen`` and nothing else."""

    async def ask(server: Running) -> None:
        async with running_registry() as registry:
            registry.put("library/gen:latest", WEIGHTS, LICENSE)
            body = {"model": f"{registry.host}/library/{model}", "insecure": True, **more}
            for answer in expected:
                await post("/api/pull", body, answer)(server)

    return ask


def lines(*patterns: Any) -> Expected:
    return Expected(200, NDJSON_TYPE, list(patterns), "lines")


def status(text: str) -> dict[str, str]:
    return {"status": text}


def here(size_bytes: Any) -> dict[str, Any]:
    """Pattern of a blob that is complete."""
    return {"status": "pulling *", "digest": "sha256:*", "total": size_bytes, "completed": size_bytes}


ENDING = (status("verifying sha256 digest"), status("writing manifest"), status("success"))
SOME = {"status": "pulling *", "digest": "sha256:*", "total": "<ns>", "completed?": "<ns>"}
PULLED = lines(status("pulling manifest"), SOME, REST, *ENDING)
PRESENT = lines(status("pulling manifest"), here(len(WEIGHTS)), here(len(LICENSE)), here("<ns>"), *ENDING)

TRANSFER = [
    Case(98, "pull of what is not there", (pull("nope", lines(status("pulling manifest"), NOT_THERE)),)),
    Case(
        98,
        "pull of what is not there in one answer",
        (pull("nope", Expected(500, "application/json", NOT_THERE), stream=False),),
    ),
    Case(99, "pull of what is here", (pull("gen", PULLED, PRESENT),)),
    Case(
        100,
        "pull in one answer",
        (pull("gen", Expected(200, "application/json", status("success")), stream=False),),
    ),
    Case(101, "push of nothing", (post("/api/push", {}, error(400, "model is required")),)),
    Case(101, "pull of nothing", (post("/api/pull", {}, error(400, "invalid model name")),)),
    Case(101, "pull of no name", (post("/api/pull", {"name": "bad name"}, error(400, "invalid model name")),)),
    Case(
        101,
        "push of what is not here",
        (
            post(
                "/api/push",
                {"name": "nope"},
                lines(status("retrieving manifest"), status("couldn't retrieve manifest"), {"error": "*not found*"}),
            ),
        ),
    ),
    Case(101, "push of nothing at all", (post("/api/push", b"", Expected(400, JSON_TYPE, {"error": "*"})),)),
]
