"""The picture of the trade-off, drawn in the browser."""
