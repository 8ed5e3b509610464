"""Tables of buckets, their objects and uploads in parts (spec ai-api §12)."""
