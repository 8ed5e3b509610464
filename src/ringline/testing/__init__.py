"""For those who test voice apps: virtual phone, webhook inbox, pytest plugin."""
