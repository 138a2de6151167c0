"""What `asv run` measures; asv names a benchmark by its module here, its class and its method."""
