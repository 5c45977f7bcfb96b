"""Parallel coordinates, brushed in the browser."""
