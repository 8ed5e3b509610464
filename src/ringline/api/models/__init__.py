"""Bodies of requests and responses: the rules that a field can know."""
