"""arriero: any model behind the Ollama API, on a high-performance engine."""

from typing import TYPE_CHECKING

from arriero.version import __version__

if TYPE_CHECKING:
    from arriero.client.async_smart_router import AsyncSmartRouter
    from arriero.client.smart_router import SmartRouter
    from arriero.router.rules import Rule

__all__ = ["AsyncSmartRouter", "Rule", "SmartRouter", "__version__"]


def __getattr__(name: str) -> object:
    """The routers, imported when they are asked for: Ollama's client library takes longer than all of arriero."""
    match name:
        case "AsyncSmartRouter":
            from arriero.client.async_smart_router import AsyncSmartRouter

            return AsyncSmartRouter
        case "SmartRouter":
            from arriero.client.smart_router import SmartRouter

            return SmartRouter
        case "Rule":
            from arriero.router.rules import Rule

            return Rule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
