"""The S3 protocol over HTTP (spec ai-api §12), under `/s3`."""
