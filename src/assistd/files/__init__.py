"""Uploaded and generated files: a row and its bytes."""
