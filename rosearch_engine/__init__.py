"""RoSearch Explorer: search for small student architectures that hold under attack.

Packages and modules in the order in which data flows:
data -> teacher -> genome -> student -> distil -> attack -> objectives -> front -> store -> statistics.
"""

__version__ = "0.2.0"
