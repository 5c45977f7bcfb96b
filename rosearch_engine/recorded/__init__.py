"""A finished run in one file: what was measured, and some of its students' weights, in half precision.

`pack` writes such a file, `unpack` brings it into a store; `demo.zip` comes with the program.
"""
