"""Any server that speaks OpenAI's API, as an engine: SGLang, vLLM, smg and others."""
