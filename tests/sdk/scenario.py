"""What a scenario of an official client is, and what it is played on."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, TypeVar

Client = TypeVar("Client")
# plain: answers, and no more. able: thinks, and calls tools. skilled: calls several tools at once, and fills gaps.
# seeing: takes pictures.
Part = Literal["plain", "able", "skilled", "seeing"]
Connect = Callable[[str], AbstractAsyncContextManager[Client]]
# Of a connected client, and the name of a model. Says what was measured where it holds, and raises where not.
Play = Callable[[Client, str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Served:
    """url: of a server. model: its name there."""

    url: str
    model: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """sdk and feature: the row of the table that it belongs to. claim: what holds. part: the model that it wants."""

    sdk: str
    feature: str
    claim: str
    part: Part
    play: Callable[[Served], Coroutine[None, None, str]]

    def __str__(self) -> str:
        return f"{self.sdk}: {self.feature}: {self.claim}"


def scenarios(
    sdk: str, feature: str, connect: Connect[Client], plays: Mapping[Part, tuple[Play[Client], ...]]
) -> tuple[Scenario, ...]:
    """The scenarios of a feature; what they claim is the names of the functions."""
    return tuple(
        Scenario(sdk, feature, play.__name__.replace("_", " "), part, _connected(connect, play))
        for part, of_part in plays.items()
        for play in of_part
    )


def _connected(connect: Connect[Client], play: Play[Client]) -> Callable[[Served], Coroutine[None, None, str]]:
    async def run(served: Served) -> str:
        async with connect(served.url) as client:
            return await play(client, served.model)

    return run
