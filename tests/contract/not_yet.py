"""Golden cases that the server does not answer yet, and what they wait for."""

_REASONS = {
    "embeddings": (17, 18, 19, *range(71, 80)),
    "logprobs": (46, 47),
    "context of /api/generate": (50,),
    "tools": (57, 58, 59),
    "a real engine's grammar": (65,),
    "num_ctx, truncate and shift": (66,),
    "a limit of the queue": (69,),
    "copy, delete, blobs and create": range(86, 98),
    "pull and push": range(98, 102),
    "status and account": (102, 103),
    "the words of OpenAI's errors for an empty body, images and reasoning": (108, 110, 111),
    "tools and reasoning of /v1/chat/completions": (112, 113),
    "/v1/completions": (114, 115),
    "/v1/embeddings": (116, 117, 118),
    "/v1/responses": (121, 122, 123),
    "/v1/messages": range(124, 129),
    "/v1/audio/transcriptions": (129,),
    "Ollama's own command line; its requests are replayed in test_cli_sequences": range(137, 148),
}

NOT_YET = {number: reason for reason, numbers in _REASONS.items() for number in numbers}
