"""``python -m sglang.launch_server``."""

from stand_in_server import serve

serve("sglang")
