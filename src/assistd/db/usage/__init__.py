"""What searches, embeddings and vector stores took, for reports."""
