"""RTP media: the sans-I/O core, its two drivers, files, recordings."""
