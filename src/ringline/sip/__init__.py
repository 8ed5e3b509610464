"""SIP (RFC 3261) without I/O, and the asyncio shells that carry it."""
