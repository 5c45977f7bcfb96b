"""The Architecture screen."""
