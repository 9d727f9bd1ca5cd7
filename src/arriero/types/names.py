"""Names of models: ``[scheme://][host[:port]/][namespace/]model[:tag]``, as Ollama parses and compares them."""

import re
from dataclasses import dataclass

from arriero.errors import InvalidRequest

DEFAULT_HOST = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}")
_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")


@dataclass(frozen=True, slots=True)
class ModelName:
    """A complete name: every part that was left out has its default."""

    host: str
    namespace: str
    model: str
    tag: str

    @property
    def short(self) -> str:
        """The name to show: without the default host and namespace, always with the tag."""
        if self.host.lower() != DEFAULT_HOST:
            return self.full
        if self.namespace.lower() != DEFAULT_NAMESPACE:
            return f"{self.namespace}/{self.model}:{self.tag}"
        return f"{self.model}:{self.tag}"

    @property
    def full(self) -> str:
        """The name with every part."""
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """Host, namespace, model and tag: the path of the manifest below ``manifests/``."""
        return (self.host, self.namespace, self.model, self.tag)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What two names that mean the same model have in common: names match in any case."""
        return (self.host.lower(), self.namespace.lower(), self.model.lower(), self.tag.lower())


def parse_name(text: str) -> ModelName:
    """Parse a name from its right end and fill in the defaults.

    Raises InvalidRequest ``invalid model name`` where a part has a character or a length that it may not have.
    """
    rest, tag = text, DEFAULT_TAG
    if (colon := text.rfind(":")) > text.rfind("/"):
        rest, tag = text[:colon], text[colon + 1 :]
    rest = rest.rpartition("://")[2]
    rest, _, model = rest.rpartition("/")
    host, _, namespace = rest.rpartition("/")
    name = ModelName(host or DEFAULT_HOST, namespace or DEFAULT_NAMESPACE, model, tag)
    if not (
        _HOST.fullmatch(name.host)
        and _NAMESPACE.fullmatch(name.namespace)
        and _PART.fullmatch(name.model)
        and _PART.fullmatch(name.tag)
    ):
        raise InvalidRequest("invalid model name")
    return name


def parse_target(raw: str) -> ModelName:
    """Parse the name that a model is to get. Raises InvalidRequest for what is none, and for one in the cloud."""
    text, source = split_source(raw)
    if source == "cloud":
        raise InvalidRequest("invalid model name")
    return parse_name(text)


def split_source(raw: str) -> tuple[str, str]:
    """Split a reference into the name and where the model is to be sought: ``local``, ``cloud`` or ``""``.

    ``x:cloud``, ``x:local`` (in any case) and ``x:tag-cloud`` carry a source. Two of them contradict each other and
    raise InvalidRequest, in Ollama's words.
    """
    text = raw.strip()
    name, source = _strip_source(text)
    if source and _strip_source(name)[1]:
        raise InvalidRequest(f'use either :local or :cloud, not both: "{text}"')
    return name, source


def _strip_source(text: str) -> tuple[str, str]:
    head, colon, tail = text.rpartition(":")
    if not colon:
        return text, ""
    suffix = tail.lower()
    if suffix in {"cloud", "local"}:
        return head, suffix
    if suffix.endswith("-cloud") and "/" not in tail:
        return f"{head}:{tail[: -len('-cloud')]}", "cloud"
    return text, ""
