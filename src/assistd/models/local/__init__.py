"""The built-in model: its weights, and llama.cpp on this machine."""
