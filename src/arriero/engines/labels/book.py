"""What is known of engines that have decided: looked at once, and remembered as long as an engine is."""

from collections import OrderedDict

from arriero.engines.base import Engine
from arriero.engines.labels.choosing import Checked, Place

_MOST_REMEMBERED = 64


class _Known:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.places: dict[Place, Checked] = {}
        self.forgets = False


class LabelBook:
    """What labels are in the vocabularies of engines, and whether those remember what prompts begin with."""

    def __init__(self) -> None:
        # The engine is kept with what is known of it, so that its number is nobody else's.
        self._known: OrderedDict[int, _Known] = OrderedDict()

    def checked(self, engine: Engine, place: Place) -> Checked:
        """What is known of labels at a place, to be added to."""
        return self._of(engine).places.setdefault(place, Checked(place))

    def forgets(self, engine: Engine) -> bool:
        """Whether the engine has the beginning of an earlier prompt only where that ended there.

        With a sliding window, or a state that goes on from token to token, llama.cpp can return only to where it has
        made a copy, and that is at the end of a prompt.
        """
        return self._of(engine).forgets

    def note(self, engine: Engine, *, forgets: bool) -> None:
        """Remember whether it forgets."""
        self._of(engine).forgets = forgets

    def _of(self, engine: Engine) -> _Known:
        known = self._known.setdefault(id(engine), _Known(engine))
        self._known.move_to_end(id(engine))
        if len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
        return known
