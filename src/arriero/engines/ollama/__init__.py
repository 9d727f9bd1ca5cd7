"""Models of an Ollama that runs elsewhere, by its native API."""
