"""Measurements of the program itself, side by side with what people would run instead."""
