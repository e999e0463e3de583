"""The endpoints for admin keys, one module for each noun."""
