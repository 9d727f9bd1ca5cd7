"""Stands in for SGLang where it is looked for."""
