"""The search: the loop, and what it alone calls."""
