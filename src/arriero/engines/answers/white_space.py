"""Notices a model that has nothing to say and writes white space where the grammar of JSON lets it. Pure."""

import re

from arriero.errors import EngineFailed

# Far more than the deepest JSON is indented by.
_MOST = 512
_MARK = re.compile(r'["\\]')


class WhiteSpaceWatch:
    """Follows an answer that is JSON, piece by piece."""

    __slots__ = ("_in_string", "_run", "_skips")

    def __init__(self) -> None:
        self._in_string = False
        self._skips = False
        self._run = 0

    def feed(self, text: str) -> None:
        """Take a piece. Raises EngineFailed where there is only white space for too long, outside of a string."""
        self._follow(text)
        rest = text.rstrip()
        self._run = len(text) - len(rest) if rest else self._run + len(text)
        if self._run > _MOST and not self._in_string:
            raise EngineFailed(
                "the model writes only white space where its JSON should go on: say in the prompt what the answer must "
                "be, or start the engine so that it allows none (vLLM: --structured-outputs-config "
                '\'{"backend":"xgrammar","disable_any_whitespace":true}\', '
                "SGLang: --constrained-json-disable-any-whitespace)"
            )

    def _follow(self, text: str) -> None:
        """Keep account of whether the text stands in a string."""
        at = 0
        if self._skips and text:
            at, self._skips = 1, False
        while mark := _MARK.search(text, at):
            at = mark.end()
            if mark[0] == '"':
                self._in_string = not self._in_string
            elif self._in_string:
                self._skips = at == len(text)
                at += 1
