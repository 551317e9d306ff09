"""Uni-Judger: intents, prompts, parsing and the two verdicts on every response."""
