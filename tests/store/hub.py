"""A stand-in for the Hugging Face Hub on loopback: what the hub's library asks, and faults on request."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

COMMIT = "c0ffee" + "0" * 34


@dataclass
class Hub:
    """What the stand-in has and how it misbehaves.

    repos: contents by repository and file name. cuts: for the next downloads, after how many bytes the connection
    breaks. wrong_hashes: files whose announced SHA-256 is not theirs. requests: what was asked, with its range.
    """

    endpoint: str = ""
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    cuts: list[int] = field(default_factory=list)
    wrong_hashes: set[str] = field(default_factory=set)
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def ranges(self) -> list[str | None]:
        """The ranges that downloads have asked for."""
        return [asked for path, asked in self.requests if "/resolve/" in path]

    def sha256(self, name: str, content: bytes) -> str:
        return "0" * 64 if name in self.wrong_hashes else hashlib.sha256(content).hexdigest()

    def info(self, repo: str) -> dict[str, Any]:  # the hub's JSON
        siblings = [
            {
                "rfilename": name,
                "size": len(content),
                "lfs": {"sha256": self.sha256(name, content), "size": len(content), "pointerSize": 134},
            }
            for name, content in self.repos[repo].items()
        ]
        return {"id": repo, "sha": COMMIT, "siblings": siblings}


@contextmanager
def running_hub(**repos: dict[str, bytes]) -> Iterator[Hub]:
    """Serve these repositories for as long as the context lasts."""
    hub = Hub(repos=dict(repos))

    class Handler(_HubHandler):
        served = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _HubHandler(BaseHTTPRequestHandler):
    served: Hub

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.served.requests.append((path, self.headers.get("Range")))
        if path.startswith("/api/models/"):
            self._answer_info(path.removeprefix("/api/models/"))
        else:
            self._answer_file(path)

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""

    def _answer_info(self, repo: str) -> None:
        if repo in self.served.gated:
            self._answer_error(403, "GatedRepo")
        elif repo not in self.served.repos:
            self._answer_error(404, "RepoNotFound")
        else:
            content = json.dumps(self.served.info(repo)).encode()
            self._answer(200, content, {"Content-Type": "application/json"})

    def _answer_file(self, path: str) -> None:
        repo, _, rest = path.strip("/").partition("/resolve/")
        name = rest.partition("/")[2]
        content = self.served.repos.get(repo, {}).get(name)
        if content is None:
            self._answer_error(404, "EntryNotFound")
            return
        headers = {"ETag": f'"{self.served.sha256(name, content)}"', "X-Repo-Commit": COMMIT}
        asked = self.headers.get("Range")
        if asked is None:
            self._answer(200, content, headers, cut=True)
            return
        start = int(asked.removeprefix("bytes=").partition("-")[0])
        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._answer(206, content[start:], headers, cut=True)

    def _answer_error(self, status: int, code: str) -> None:
        self._answer(status, b"", {"X-Error-Code": code})

    def _answer(self, status: int, content: bytes, headers: dict[str, str], *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: self.served.cuts.pop(0)] if cut and self.served.cuts else content)
