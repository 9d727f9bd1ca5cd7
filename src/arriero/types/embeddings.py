"""What an embedding is, in no dialect."""

import msgspec


class Embedding(msgspec.Struct, frozen=True):
    """One vector, as the engine gives it. tokens: of the input."""

    vector: list[float]
    tokens: int
