"""The command `serve`: one process, or several behind one address that a supervisor keeps running."""
