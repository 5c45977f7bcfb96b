"""The first screen: what a run found, and one sentence of it."""
