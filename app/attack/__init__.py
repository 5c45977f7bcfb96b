"""The Attack screen."""
