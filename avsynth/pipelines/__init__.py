"""One file a verb; each tells its story from top to bottom."""
