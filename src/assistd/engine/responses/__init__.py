"""The rules of responses, their conversations and containers."""
