"""The one place where parts are made and wired."""
