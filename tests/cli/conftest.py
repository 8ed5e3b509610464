"""A real server with real calls for the commands that look at them."""

from tests.system.conftest import make_shop, phone, server, shop

__all__ = ["make_shop", "phone", "server", "shop"]
