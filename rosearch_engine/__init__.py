"""RoSearch Explorer: search for small student architectures that hold under attack.

The modules read in the order in which data flows:
data -> teacher -> genome -> student -> distil -> attack -> objectives -> front -> store.
"""

__version__ = "0.2.0"
