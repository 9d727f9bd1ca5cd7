"""Where models come from. A source brings one GGUF file and knows nothing of names or manifests."""
