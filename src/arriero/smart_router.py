"""``python -m arriero.smart_router``: talk with two models, of which the right one answers. And the class for programs.

from arriero.smart_router import SmartRouter

router = SmartRouter(local_host="http://localhost:11434", remote_host="http://sglang-server:30001")
response = router.chat("Hello!")
"""

import sys

from arriero.client.async_smart_router import AsyncSmartRouter
from arriero.client.response import RoutedResponse
from arriero.client.smart_router import SmartRouter
from arriero.router.rules import Rule

__all__ = ["AsyncSmartRouter", "RoutedResponse", "Rule", "SmartRouter", "main"]


def main() -> None:
    """Talk at the terminal: ``arriero route chat``."""
    from arriero.cli.main import run
    from arriero.cli.route_chat import chat

    run(chat, sys.argv[1:], prog_name="python -m arriero.smart_router")


if __name__ == "__main__":
    main()
