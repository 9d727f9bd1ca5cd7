"""What a server says when it is up."""

import json
import shlex
from collections.abc import Sequence

from arriero.config import Config
from arriero.router.settings import RouterSettings
from arriero.version import __version__

_MOST_NAMES = 5


def greeting(config: Config, names: Sequence[str], routers: Sequence[RouterSettings] = ()) -> str:
    """What is served where, and what to try with the first of the names: lines that can be pasted into a shell."""
    is_everywhere = config.host in {"0.0.0.0", "::", ""}
    host = "127.0.0.1" if is_everywhere else config.host
    url = f"http://{f'[{host}]' if ':' in host else host}:{config.port}"
    named = ", ".join(names[:_MOST_NAMES]) + (
        f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    )
    lines = [f"arriero {__version__} serves {named or 'no model yet'} at {url}"]
    if is_everywhere:
        lines.append(
            f"and on every other address of this machine{'' if config.api_key else ', to everybody: see --api-key'}"
        )
    for router in routers:
        judge = f", judged by {router.judge}" if router.judge else ""
        lines.append(f"router {router.name}: {router.local} (local) or {router.remote} (remote){judge}")
    if names:
        body = json.dumps({"model": names[0], "prompt": "Name the capital of France."}, ensure_ascii=False)
        key = """ -H "Authorization: Bearer $ARRIERO_API_KEY\"""" if config.api_key else ""
        tried = "try, with the key in ARRIERO_API_KEY:" if config.api_key else "try:"
        lines.append(f"{tried} curl {url}/api/generate{key} -d {shlex.quote(body)}")
        if not config.api_key:
            lines.append(f"or:  OLLAMA_HOST={url} ollama run {shlex.quote(names[0])}")
    return "\n".join(lines)
