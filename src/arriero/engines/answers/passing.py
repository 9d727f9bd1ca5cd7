"""Hands on a stream whose bytes are in the client's dialect already, and reads of it only what must be known. Pure."""

import re

import msgspec
from msgspec import Struct

from arriero.engines.answers.reader import AnswerReader
from arriero.errors import EngineFailed
from arriero.protocol.openai_engine import Chunk
from arriero.protocol.sse import SSE_DONE, SseParser
from arriero.types.chat import Passing
from arriero.types.events import Event, Finished, Passed, TextDelta

_decode = msgspec.json.Decoder(Chunk).decode
_DONE = b"[DONE]"
_END = b"\n\n"
# A piece of text says so. In the text itself a quotation mark has a backslash in front of it.
_IN_MIDST = b'"finish_reason":null'
_HALF = "\N{REPLACEMENT CHARACTER}".encode()
# Bytes in front of that mark among which the text has its end.
_NEAR = 256
_HALVES_AT_END = re.compile(b'(?:%b)+"' % _HALF)
# What may come among text and is none: an error, and what some servers send in between. A text holds neither.
_ODD = (b'"error"', b"data: null", b"data:null")
_REASON = re.compile(rb'("finish_reason"\s*:\s*)"[^"]*"')
# OpenAI's own words for why an answer has ended.
_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})


class _Head(Struct):
    model: str = ""


class PassingReader:
    """Reads one answer as ``AnswerReader`` does, and tells it as ``Passed`` where the client may have it as it is.

    Up to its first text an answer is read: the server may call its model by another name, think, or refuse. Then what
    comes is passed on unread as long as the last event of it is a piece of text. The end of an answer is read again:
    the reason, the usage, or an error. What comes out is whole events, so that an answer that breaks off leaves no half
    of one.

    reader: reads the events. is_known: it is known of the server that text comes behind nothing but text; of any other,
    it is looked for.
    """

    __slots__ = (
        "_failure",
        "_is_known",
        "_is_passing",
        "_is_read",
        "_kept",
        "_passing",
        "_reader",
        "_rest",
        "_told",
        "is_finished",
        "is_told",
    )

    def __init__(self, passing: Passing, reader: AnswerReader, *, is_known: bool = True) -> None:
        self._passing = passing
        self._reader = reader
        self._is_known = is_known
        # Of these two, the first holds from the first text on, the second where the answer must be read to its end.
        self._is_passing = False
        self._is_read = False
        # Bytes of an event that is not whole, and events that wait for the next one.
        self._rest = b""
        self._kept = b""
        self._told: list[Event] = []
        self._failure: EngineFailed | None = None
        # What ``reader`` says of itself: these are looked at for each piece that comes.
        self.is_finished = False
        self.is_told = False

    @property
    def is_cut(self) -> bool:
        """Whether the reader has ended the answer itself."""
        return self._reader.is_cut

    def feed(self, data: bytes) -> list[Event]:
        """Take what one read brought. Raises EngineFailed as ``AnswerReader`` does."""
        if self._is_passing and not self._kept and (end := self._end_of_text(data)):
            if end == len(data) and not self._rest:
                return [Passed(data)]
            if data.find(_END, end) < 0:
                rest, self._rest = self._rest, data[end:]
                return [Passed(b"".join((rest, memoryview(data)[:end])))]
        try:
            return self._read(data)
        finally:
            self._note()

    def read_body(self, content: bytes) -> list[Event]:
        """Take the body of a server that does not stream: it is read."""
        events = self._reader.read_body(content)
        self._note()
        return events

    def close(self) -> list[Event]:
        """The connection has ended: ``Finished``, unless it has been told or the answer broke off."""
        if self._failure is not None:
            raise self._failure
        finished = self._reader.close()
        self._note()
        if self._is_passing and finished:
            return [Passed(self._take_kept() + SSE_DONE), finished[-1]]
        return finished

    def _note(self) -> None:
        self.is_finished, self.is_told = self._reader.is_finished, self._reader.is_told

    def _read(self, data: bytes) -> list[Event]:
        if self._is_read:
            return self._reader.feed(data)
        if self._failure is not None:
            raise self._failure
        data = self._rest + data
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        end = data.rfind(_END) + len(_END)
        if end < len(_END):
            self._rest = data
            return []
        self._rest = data[end:]
        return self._tell(data[:end])

    def _tell(self, data: bytes) -> list[Event]:
        """What whole events tell, before one of them that is an error."""
        self._told = []
        try:
            self._take(data)
        except EngineFailed as error:
            if not self._told:
                raise
            self._failure, self._is_passing = error, False
        if self._is_read:
            rest, self._rest = self._rest, b""
            self._told += self._reader.feed(rest)
        return self._told

    def _take(self, data: bytes) -> None:
        """Take whole events: the text among them together, and what comes before and behind it one by one."""
        place = 0
        while place < len(data) and not self._is_read and not self._reader.is_finished:
            if self._is_passing and not self._kept and (end := self._end_of_text(data, place)):
                # It may be much, and is copied once: into what is sent.
                self._told.append(Passed(memoryview(data)[place:end]))
            else:
                border = data.find(_END, place)
                end = border + len(_END) if border >= 0 else len(data)
                self._look_at(data[place:end])
            place = end
        if self._is_read:
            self._told += self._reader.feed(data[place:])

    def _end_of_text(self, data: bytes, begin: int = 0) -> int:
        """Where the last event ends that may go out with all before it; 0 where they must be looked at."""
        if not self._is_known and any(data.find(odd, begin) >= 0 for odd in _ODD):
            return 0
        return _end_of_text(data, begin)

    def _look_at(self, event: bytes) -> None:
        """Read one event, and hand it on."""
        found = self._reader.feed(event)
        if self._is_passing:
            self._pass_on(event)
            if found and type(found[-1]) is Finished:
                self._told.append(found[-1])
                self._is_passing = False
            return
        self._kept += event
        if not found:
            return
        if all(type(each) is TextDelta for each in found) and self._is_as_asked(event):
            self._is_passing = True
            if _HALF not in event:
                self._told.append(Passed(self._take_kept()))
        else:
            self._is_read = True
            self._told += found

    def _pass_on(self, event: bytes) -> None:
        payload = b"".join(SseParser().feed(event))
        if payload in {b"", _DONE}:
            # The stream's own mark, or a comment that keeps a connection open.
            self._told.append(Passed(self._take_kept() + event))
            return
        if payload.strip() == b"null":
            # Some servers send it in between, and some clients stumble over it.
            return
        chunk = _decode(payload)
        choice = chunk.choices[0] if chunk.choices else None
        reason = choice.finish_reason if choice is not None else None
        if choice is not None and not reason and _HALF in event:
            # It may be half a character, which the limit has cut in two: the next event tells.
            self._kept += event
            return
        kept = self._take_kept()
        if reason == "length":
            # A character that is shown as broken, and is only not whole.
            kept, event = (_HALVES_AT_END.sub(b'"', each) for each in (kept, event))
        elif reason and reason not in _REASONS:
            event = _REASON.sub(rb'\1"stop"', event)
        is_wanted = choice is not None or self._passing.include_usage or chunk.usage is None
        if told := kept + (event if is_wanted else b""):
            self._told.append(Passed(told))

    def _take_kept(self) -> bytes:
        kept, self._kept = self._kept, b""
        return kept

    def _is_as_asked(self, event: bytes) -> bool:
        """Whether the server calls its model what the client does."""
        heads = [msgspec.json.decode(data, type=_Head) for data in SseParser().feed(event)]
        return all(head.model == self._passing.model for head in heads)


def _end_of_text(data: bytes, begin: int = 0) -> int:
    """Where, of the events from a place on, the last one ends that is a piece of text; 0 where there is none.

    What ends an answer is behind all text. So this one tells of all before it, be they ever so many. One that may end
    with half a character does not count, and neither does one that is not whole.
    """
    mark = data.rfind(_IN_MIDST, begin)
    if mark < 0:
        return 0
    end = data.find(_END, mark)
    if end < 0 or not (data.isascii() or data.find(_HALF, max(begin, mark - _NEAR), mark) < 0):
        end = data.rfind(_END, begin, mark)
    return end + len(_END) if end >= 0 else 0
