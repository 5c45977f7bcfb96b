"""The front end: what the screens read, draw and start. Nothing here imports torch."""
