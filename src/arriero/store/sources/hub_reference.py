"""What names a repository of the Hugging Face Hub. Apart from its fetching, whose library is slow to import."""

import re
from dataclasses import dataclass

HUB_HOST = "hf.co"

_REFERENCE = re.compile(
    r"(?:https?://)?(?:(?:hf\.co|huggingface\.co)/)?(?P<repo>\w[\w.-]*/\w[\w.-]*)(?::(?P<quant>[\w.-]+))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class HubReference:
    """A repository, ``user/name``, and the quantisation or file asked for; ``""`` leaves the choice to us."""

    repo: str
    quant: str = ""

    @property
    def repos(self) -> tuple[str, ...]:
        """Where its GGUF files may be: many models have them in a sibling that is called ``…-GGUF``."""
        return (self.repo,) if self.repo.lower().endswith("-gguf") else (self.repo, f"{self.repo}-GGUF")


def parse_hub_reference(text: str) -> HubReference | None:
    """Parse ``user/repo[:quant]``, with or without ``hf.co/`` or ``huggingface.co/``; None where it is neither."""
    match = _REFERENCE.fullmatch(text.strip().rstrip("/"))
    if not match:
        return None
    quant = match["quant"] or ""
    return HubReference(match["repo"], "" if quant.lower() == "latest" else quant)
