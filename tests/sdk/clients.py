"""Official clients, connected, which ask once and wait long."""

from contextlib import AbstractAsyncContextManager

import anthropic
import ollama
import openai

_TIMEOUT_S = 300.0


def openai_client(url: str, key: str = "any") -> openai.AsyncOpenAI:
    """OpenAI's client for Python."""
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=_TIMEOUT_S)


def anthropic_client(url: str, key: str = "any") -> anthropic.AsyncAnthropic:
    """Anthropic's client for Python."""
    return anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0, timeout=_TIMEOUT_S)


def ollama_client(url: str) -> AbstractAsyncContextManager[ollama.AsyncClient]:
    """Ollama's client for Python."""
    return ollama.AsyncClient(url, timeout=_TIMEOUT_S)
