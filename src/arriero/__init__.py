"""arriero: any model behind the Ollama API, on a high-performance engine."""

from arriero.version import __version__

__all__ = ["__version__"]
