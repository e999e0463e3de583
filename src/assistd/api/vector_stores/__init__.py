"""The door for vector stores: their files, batches of files, and the search in them."""
