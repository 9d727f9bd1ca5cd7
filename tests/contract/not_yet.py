"""Golden cases that the server does not answer yet, and what they wait for."""

_REASONS = {
    "the words of OpenAI's errors for an empty body, images and reasoning": (108, 110, 111),
    "tools and reasoning of /v1/chat/completions": (112, 113),
    "/v1/completions": (114, 115),
    "/v1/embeddings": (116, 117, 118),
    "/v1/responses": (121, 122, 123),
    "/v1/messages": range(124, 129),
    "/v1/audio/transcriptions": (129,),
    "Ollama's own command line: test_cli_sequences has its requests, tests/cli/ what it prints": range(137, 148),
}

NOT_YET = {number: reason for reason, numbers in _REASONS.items() for number in numbers}
