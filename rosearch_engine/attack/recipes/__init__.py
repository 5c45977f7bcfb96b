"""Attack recipes: what they are, what they need, how they are built."""
