"""What handlers work with."""

from dataclasses import dataclass

from arriero.runners.carrier import Carrier
from arriero.store.editor import Editor
from arriero.store.library import Library
from arriero.store.pulls import Pulls
from arriero.store.push import Pusher


@dataclass(frozen=True, slots=True)
class Services:
    """The models there are, the engines that answer for them, and the ways by which models come and go."""

    library: Library
    carrier: Carrier
    pulls: Pulls
    pusher: Pusher
    editor: Editor
