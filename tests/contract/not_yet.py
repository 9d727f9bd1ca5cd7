"""Golden cases that the server does not answer yet, and what they wait for."""

_REASONS = {
    "Ollama's own command line: test_cli_sequences has its requests, tests/cli/ what it prints": range(137, 148),
}

NOT_YET = {number: reason for reason, numbers in _REASONS.items() for number in numbers}
