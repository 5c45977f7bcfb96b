"""A student's weights: saved, loaded, exported."""
