"""Where models come from. A source brings one GGUF file, or speaks to a registry, and knows nothing of stores."""
