"""An OpenAI-compatible server: how it is asked, and how its answers and refusals are read."""
