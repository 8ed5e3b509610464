"""What all tests share."""

pytest_plugins = ["ringline.testing.plugin"]
