"""Durable tasks with leases."""
