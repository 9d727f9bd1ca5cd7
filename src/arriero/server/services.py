"""What handlers work with."""

from dataclasses import dataclass

from arriero.runners.scheduler import Scheduler
from arriero.store.library import Library


@dataclass(frozen=True, slots=True)
class Services:
    """The models there are, and the engines that answer for them."""

    library: Library
    scheduler: Scheduler
