"""``python -m vllm.entrypoints.openai.api_server``."""

from stand_in_server import serve

serve("vllm")
