"""The version of arriero, and of the Ollama API that it speaks."""

__version__ = "0.1.0"

# Clients compare /api/version with what they need, so the API's version is told there and not ours.
OLLAMA_API_VERSION = "0.33.0"
