"""Objects: recordings, media and buckets."""
