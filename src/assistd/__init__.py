"""assistd: the Assistants API with Code Interpreter, self-hosted."""

__version__ = "0.1.0"
