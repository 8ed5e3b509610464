"""Transports: sockets in, flows and bytes out."""
