"""Objects of our own routes, which the hosted API does not have."""
