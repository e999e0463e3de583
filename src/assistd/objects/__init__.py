"""The API's nouns: what the wire shows and what rows become."""
