"""A real server with real calls for the commands that look at them, and a PostgreSQL store."""

from tests.store.engines import empty_postgres, postgres
from tests.system.conftest import make_shop, phone, server, shop

__all__ = ["empty_postgres", "make_shop", "phone", "postgres", "server", "shop"]
