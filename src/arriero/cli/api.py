"""The server as the commands see it: Ollama's own client library, and what that library leaves out."""

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import click
import msgspec

from arriero.cli.address import is_loopback, key_for_server, server_url
from arriero.cli.ollama_library import import_ollama
from arriero.cli.show_answer import Shown
from arriero.errors import ServerRefused, ServerUnreachable
from arriero.protocol.ollama_create import CreateRequest
from arriero.protocol.router_explain import ExplainRequest, ExplainResponse
from arriero.types.routing import Side

if TYPE_CHECKING:
    import httpx
    import ollama

_CONNECT_S = 10.0
_WRITE_S = 120.0
_JSON = {"content-type": "application/json"}
_FORCE = "x-arriero-force"
_T = TypeVar("_T")


def _tell_truncated(response: "httpx.Response") -> None:
    """Tell what was left out of the question: the library does not hand it on."""
    if told := response.headers.get("x-arriero-truncated"):
        click.echo(f"note: the context is too small for all of it ({told})", err=True)


class Api:
    """One server's API. Methods raise ServerUnreachable and ServerRefused.

    A stream that is closed, or left by an exception, closes its connection: the server then stops its work.
    The library costs a quarter of a second to import, so it is imported with the first request.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._url = server_url(environ)
        key = key_for_server(environ)
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Nothing is opened before it is used."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        self._open.close()

    def call(self, request: "Callable[[ollama.Client], _T]") -> _T:
        """Have one answer from the library's client."""
        with self._told():
            return request(self._library)

    def stream(self, request: "Callable[[ollama.Client], Iterator[_T]]") -> Generator[_T]:
        """Have a streamed answer from the library's client."""
        with self._told():
            yield from request(self._library)

    # The options are whatever JSON the user has set.
    def show(
        self, model: str, *, system: str = "", options: Mapping[str, Any] | None = None, verbose: bool = False
    ) -> Shown:
        """What ``POST /api/show`` tells. The library's answer has neither system prompt nor messages."""
        body = {"model": model, "system": system, "verbose": verbose, "options": options}
        with self._told():
            response = self._http.post("/api/show", json=body)
            _refuse(response)
            # Some servers write null for what Ollama leaves out.
            told = {key: value for key, value in response.json().items() if value is not None}
            return msgspec.convert(told, Shown)

    def explain(self, request: ExplainRequest, force: Side | None = None) -> ExplainResponse:
        """Who would answer a request to a router, and why: arriero's own."""
        headers = {**_JSON, _FORCE: force} if force else _JSON
        with self._told():
            response = self._http.post("/api/router/explain", content=msgspec.json.encode(request), headers=headers)
            if response.status_code == 404 and response.text.startswith("404"):
                raise ServerRefused(f"what answers at {self._url} has no routers: it is no arriero, or an old one", 404)
            _refuse(response)
            return msgspec.json.decode(response.content, type=ExplainResponse)

    def create(self, request: CreateRequest) -> Generator["ollama.ProgressResponse"]:
        """Stream the making of a model. The library knows but some of the fields."""
        import_ollama(self._url)
        import ollama

        body = msgspec.json.encode(request)
        with self._told(), self._http.stream("POST", "/api/create", content=body, headers=_JSON) as response:
            if response.is_error:
                response.read()
            _refuse(response)
            for line in response.iter_lines():
                told = json.loads(line)
                if "error" in told:
                    raise ServerRefused(told["error"], 200)
                yield ollama.ProgressResponse(**told)

    # A body is JSON in the making.
    def lines(self, path: str, body: Mapping[str, Any]) -> Generator[str]:
        """Stream the lines of an answer as they are: the library drops keys that it does not know."""
        with self._told(), self._http.stream("POST", path, json=body) as response:
            if response.is_error:
                response.read()
            _refuse(response)
            yield from response.iter_lines()

    def has_blob(self, digest: str) -> bool:
        """Whether the server has the content of a digest already."""
        with self._told():
            return bool(self._http.head(f"/api/blobs/{digest}").is_success)

    def upload(self, digest: str, content: Iterator[bytes]) -> None:
        """Send a content, piece by piece."""
        with self._told():
            _refuse(self._http.post(f"/api/blobs/{digest}", content=content))

    @cached_property
    def _library(self) -> "ollama.Client":
        import ollama

        hooks = {"response": [_tell_truncated]}
        client = ollama.Client(self._url, headers=self._headers, event_hooks=hooks, **self._settings)
        self._open.enter_context(client)
        return client

    @cached_property
    def _http(self) -> "httpx.Client":
        import httpx

        client = httpx.Client(base_url=self._url, headers=self._headers, follow_redirects=True, **self._settings)
        return self._open.enter_context(client)

    @property
    def _settings(self) -> dict[str, Any]:  # of several types, as httpx takes them
        import httpx

        # A model may take any time to load, to pull or to answer: Ctrl-C is what ends that.
        timeout = httpx.Timeout(connect=_CONNECT_S, write=_WRITE_S, pool=_CONNECT_S, read=None)
        return {"timeout": timeout, "trust_env": not is_loopback(httpx.URL(self._url).host)}

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the libraries raise into errors of ours."""
        import_ollama(self._url)
        import httpx
        import ollama

        try:
            yield
        except ollama.ResponseError as error:
            raise ServerRefused(str(error.error), 200 if error.status_code < 0 else error.status_code) from error
        except (ConnectionError, httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise ServerUnreachable(
                f"could not connect to arriero at {self._url}; start it with: arriero serve"
            ) from error
        except httpx.HTTPError as error:
            raise ServerUnreachable(f"{self._url} broke off its answer: {error}") from error
        except ImportError as error:
            # Of a proxy's protocol that httpx has a further package for; its text names it.
            raise ServerUnreachable(f"could not connect to arriero at {self._url}: {error}") from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ServerUnreachable(f"OLLAMA_HOST: {self._url} is no address: {error}") from error
        except (ValueError, TypeError, AttributeError, msgspec.MsgspecError) as error:
            # The library takes what comes to be JSON, and that to be an object of the shape it knows.
            raise ServerUnreachable(f"what answers at {self._url} does not speak the Ollama API") from error


def _refuse(response: "httpx.Response") -> None:
    if not response.is_error:
        return
    text = response.text.strip()
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if isinstance(told, dict) and isinstance(told.get("error"), str):
        text = told["error"]
    raise ServerRefused(text or f"HTTP {response.status_code}", response.status_code)
