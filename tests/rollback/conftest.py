"""The real server, for the tests marked `engine`."""

from tests.postgres_server import database, server

__all__ = ["database", "server"]
