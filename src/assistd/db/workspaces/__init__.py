"""What is kept of workspaces between their sessions."""
