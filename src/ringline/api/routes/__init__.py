"""One module per resource; handlers of five lines."""
