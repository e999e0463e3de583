"""The guest that takes the text out of one document, in the server's own Python, and ends."""
