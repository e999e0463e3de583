"""The rows of stored bytes: files' blobs, parts of uploads, and what is on its way."""
