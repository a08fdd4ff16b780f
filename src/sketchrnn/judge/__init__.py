"""Saying with numbers how good drawings are, by a fixed protocol (docs/protocol.md)."""
