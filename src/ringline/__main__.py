"""`python -m ringline`."""

from ringline.cli.main import app

app()
