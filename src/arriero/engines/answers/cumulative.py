"""Pieces that repeat all that came before them. Pure."""


class NewPart:
    """Tells what of such a piece is new."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen = ""

    def of(self, piece: str) -> str:
        """The part that has not come yet; all of a piece that does not begin with what came before."""
        if piece.startswith(self._seen):
            new, self._seen = piece[len(self._seen) :], piece
            return new
        self._seen += piece
        return piece
