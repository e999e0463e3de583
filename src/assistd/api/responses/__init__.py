"""The Responses door: responses, conversations and containers over HTTP."""
