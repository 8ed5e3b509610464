"""Speech engines: synthesis and recognition, local or remote."""
