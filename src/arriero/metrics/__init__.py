"""What is counted and measured, for Prometheus. Names have vLLM's and SGLang's endings behind arriero's own prefix."""
