"""``/api/router/explain``: who would answer a request to a router, and why."""

import msgspec

from arriero.errors import InvalidRequest
from arriero.protocol import ollama as wire
from arriero.protocol import ollama_convert as convert
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama_options import options_for, to_load_options, to_num_ctx, to_sampling
from arriero.protocol.router_explain import ExplainRequest
from arriero.router.explanation import to_response
from arriero.server.abilities import decide_think
from arriero.server.errors import JSON
from arriero.server.exchange import Exchange
from arriero.server.ollama_checks import check_chat
from arriero.server.route_wish import with_wish
from arriero.server.services import Services
from arriero.types.chat import TextRequest
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord


class RouterExplain:
    """The handler."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._routing = services.routing

    async def explain(self, exchange: Exchange) -> None:
        """``POST /api/router/explain``: no model is asked but the judge, and nothing is remembered or counted."""
        body = decode_body(await exchange.body(), ExplainRequest)
        if not body.model.strip():
            raise InvalidRequest("model is required")
        record = self._library.find(body.model)
        if self._routing is None or record.carrier != "router":
            raise InvalidRequest(f"{body.model!r} is no router, so there is nothing to explain{self._routers()}")
        request, demand = _asked(exchange, _as_chat(body), record)
        async with exchange.while_connected():
            explanation = await self._routing.explain(record, request, demand)
        await exchange.reply(msgspec.json.encode(to_response(body.model, explanation)), JSON)

    def _routers(self) -> str:
        names = [each.name for each in self._routing.records()] if self._routing else []
        return (
            f"; routers are: {', '.join(names)}" if names else "; this server has no router: see arriero serve --help"
        )


def _as_chat(body: ExplainRequest) -> wire.ChatRequest:
    """What would be sent to ``/api/chat``. Raises InvalidRequest where nothing is asked, or two things are."""
    if bool(body.messages) == bool(body.prompt or body.images):
        raise InvalidRequest("give either messages or a prompt to explain")
    messages = body.messages or [wire.WireMessage("user", body.prompt, images=body.images)]
    return wire.ChatRequest(
        body.model, messages, format=body.format, tools=body.tools, options=body.options, think=body.think
    )


def _asked(exchange: Exchange, body: wire.ChatRequest, record: ModelRecord) -> tuple[TextRequest, Demand]:
    """The request as a chat's, with what it says of its way. Raises InvalidRequest for what neither side can do."""
    convert.check_base64(convert.images_of(body))
    check_chat(body, record)
    think = decide_think(convert.read_think(body.think), body.model, record)
    options = options_for(record, body.options)
    request = TextRequest(
        convert.chat_prompt(body, record, think),
        to_sampling(options),
        convert.read_format(body.format),
        num_ctx=to_num_ctx(options),
    )
    demand = Demand(None, to_load_options(options))
    return request, with_wish(demand, exchange, record, body.options, {})
