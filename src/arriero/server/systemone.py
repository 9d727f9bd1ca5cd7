"""``/v1/systemone``: questions over a state, answered by probabilities."""

from functools import partial

import msgspec

from arriero.engines.deciding import decide
from arriero.engines.labels.book import LabelBook
from arriero.protocol.ollama_convert import read_keep_alive
from arriero.protocol.ollama_options import options_for, to_load_options
from arriero.protocol.systemone_answer import to_response
from arriero.protocol.systemone_read import read_body, read_decision
from arriero.server.abilities import require_decisions, require_images
from arriero.server.errors import JSON
from arriero.server.exchange import Exchange
from arriero.server.route_wish import with_wish
from arriero.server.services import Services
from arriero.types.loading import Demand


class SystemOne:
    """The handler of the endpoint that decides."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._carrier = services.carrier
        self._book = LabelBook()

    async def decide(self, exchange: Exchange) -> None:
        """``POST /v1/systemone``."""
        body = read_body(await exchange.body())
        request = read_decision(body)
        keep_alive_s = read_keep_alive(body.keep_alive)
        record = self._library.find(body.model)
        require_decisions(record, body.model)
        require_images(record, request.images, body.model)
        options = options_for(record, {})
        demand = with_wish(Demand(keep_alive_s, to_load_options(options)), exchange, record, {}, {})
        work = partial(
            decide,
            request=request,
            book=self._book,
            has_template=bool(record.template),
            is_decider="decision" in record.capabilities,
        )
        # All questions of a request take one slot, and so find the state in its cache.
        async with exchange.while_connected():
            decided = await self._carrier.call(record, work, demand, takes_slot=True)
        await exchange.reply(msgspec.json.encode(to_response(body.model, request, decided)), JSON)
