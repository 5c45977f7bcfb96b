"""The elite attacked again: held-out sentences, other seeds, other recipes."""
