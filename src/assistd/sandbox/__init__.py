"""The sandbox: isolated sessions that run Python and keep its state."""
