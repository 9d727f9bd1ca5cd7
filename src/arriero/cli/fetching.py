"""Fetches a model while a progress bar runs."""

from arriero.cli.progress import ProgressBar
from arriero.runners.memory import available_bytes
from arriero.store.fetch import Fetched, fetch
from arriero.store.layout import Layout

# Of the free memory, what weights may take: context and buffers need the rest.
_WEIGHTS_SHARE = 0.75


def fetch_for_user(reference: str, layout: Layout) -> Fetched:
    """Have the model that a reference names on this machine, and tell the user how that goes. Raises ArrieroError."""
    with ProgressBar() as bar:
        return fetch(reference, layout, memory_bytes=weights_budget(), progress=bar.show)


def weights_budget() -> int:
    """Bytes that the weights of a model may take now, where the choice among files is ours."""
    return int(available_bytes() * _WEIGHTS_SHARE)
