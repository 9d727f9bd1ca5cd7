"""Answers questions by how likely a model takes each of some labels to be the next token."""
