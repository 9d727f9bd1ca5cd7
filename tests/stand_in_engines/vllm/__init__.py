"""Stands in for vLLM where it is looked for."""
