"""Ollama's client library, imported."""

import os
import sys


def import_ollama(url: str) -> None:
    """Import the library, so that every ``import ollama`` after this finds it.

    As it is imported, it makes a client of its own for ``OLLAMA_HOST``, and fails at some of what Ollama takes there
    (``::1``), and at proxies that it cannot use. So it finds the address as it has been read, and no proxy.
    """
    if "ollama" in sys.modules:
        return
    before = dict(os.environ)
    for name in before:
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ["OLLAMA_HOST"] = url
    try:
        import ollama  # noqa: F401  # for its entry among the modules
    finally:
        os.environ.clear()
        os.environ.update(before)
