"""How a model is to be loaded, as a request may ask."""

from dataclasses import dataclass

from arriero.types.routing import NO_WISH, Wish


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What a request needs of a loaded model; None leaves a thing to the server.

    context: tokens of each slot, at least. is_shifting: generation goes on past the context, forgetting old tokens.
    batch: tokens that are processed at once in prefill. gpu_layers: layers on the GPU. main_gpu: the GPU to use alone.
    is_mapped: the file is mapped and not read into memory. threads: of the processor.
    """

    context: int | None = None
    is_shifting: bool = False
    batch: int | None = None
    gpu_layers: int | None = None
    main_gpu: int | None = None
    is_mapped: bool | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """What a request asks of who carries it.

    keep_alive_s: None leaves the model's own; ``inf`` is for ever. options: None takes the model however it is loaded.
    wish: what it says of its way, where a router is to find that.
    """

    keep_alive_s: float | None = None
    options: LoadOptions | None = None
    wish: Wish = NO_WISH
