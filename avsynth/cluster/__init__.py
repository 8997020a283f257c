"""Work on many machines: the engine (Ray) and storage by URL (fsspec)."""
