"""SGLang and vLLM as processes of this server's own."""
