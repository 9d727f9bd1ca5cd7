"""``/v1/embeddings``."""

from functools import partial

import msgspec
from msgspec import UNSET

from arriero.errors import ModelNotFound
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama_convert import read_keep_alive
from arriero.protocol.ollama_options import options_for, to_load_options
from arriero.protocol.openai_embed import OpenAIEmbedRequest, embeddings_object, read_encoding, read_texts
from arriero.server.embedding import EmbedSettings, cut_headers, embed_texts, find_embedder
from arriero.server.errors import EMPTY_BODY, OPENAI
from arriero.server.exchange import Exchange
from arriero.server.services import Services
from arriero.types.loading import Demand


class OpenAIEmbed:
    """The handler of the endpoint that embeds."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._carrier = services.carrier

    async def embeddings(self, exchange: Exchange) -> None:
        """``POST /v1/embeddings``: texts that are too long are cut, as by ``/api/embed``."""
        body = decode_body(await exchange.body(), OpenAIEmbedRequest, empty=EMPTY_BODY)
        is_base64 = read_encoding(body)
        texts = read_texts(body.input)
        keep_alive_s = read_keep_alive(body.keep_alive)
        if not body.model.strip():
            raise ModelNotFound("model '' not found")
        record = find_embedder(self._library, body.model)
        asked = {} if body.num_ctx is UNSET else {"num_ctx": body.num_ctx}
        options = options_for(record, body.options, asked)
        demand = Demand(keep_alive_s, to_load_options(options))
        settings = EmbedSettings(options.get("num_ctx"), True, body.dimensions)
        work = partial(embed_texts, texts=texts, settings=settings)
        async with exchange.while_connected():
            embedded = await self._carrier.call(record, work, demand, takes_slot=True)
        answer = embeddings_object(body.model, embedded.vectors, embedded.tokens, is_base64=is_base64)
        headers = cut_headers(record, embedded)
        await exchange.reply(msgspec.json.encode(answer) + b"\n", OPENAI.content_type, extra=headers)
