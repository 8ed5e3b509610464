"""The S3 protocol (spec ai-api §12) without I/O: requests, bodies, conditions, documents, errors."""
