"""SQL lives here only."""

from sqlalchemy import Connection

__all__ = ["Connection"]
