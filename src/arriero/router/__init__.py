"""Decides which of two models answers a request: rules, scores, budgets, and what they are learned from."""
