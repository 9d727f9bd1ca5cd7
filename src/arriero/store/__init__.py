"""Models on disk: what a GGUF file says, Ollama's manifests and blobs, and where new models come from."""
