"""The Assistants API in the engine: its nouns with their rules, and how a run is recorded and asked."""
