"""How the Assistants API shows calls of hosted tools; a tool that runs may have is one module here."""
