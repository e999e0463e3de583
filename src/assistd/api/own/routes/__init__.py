"""The endpoints below /assistd, one module for each noun."""
