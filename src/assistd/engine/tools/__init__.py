"""What the model may call: code, and the client's functions."""
