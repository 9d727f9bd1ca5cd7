"""The wire types of accounts and of Ollama's cloud."""

from msgspec import Struct, field


class CloudStatus(Struct):
    """Whether models may be forwarded to the cloud. source: what has decided that, ``env`` or ``config``."""

    disabled: bool = True
    source: str = "env"


class StatusResponse(Struct):
    """``GET /api/status``."""

    cloud: CloudStatus


class UnauthorizedResponse(Struct):
    """An error that signing in would help against."""

    error: str
    signin_url: str


class Recommendation(Struct):
    """A model to try."""

    model: str
    description: str


class RecommendationsResponse(Struct):
    """``GET /api/experimental/model-recommendations``."""

    recommendations: list[Recommendation] = field(default_factory=list)
