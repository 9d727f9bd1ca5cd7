"""Servers that run elsewhere: what they are, and which models they have."""
