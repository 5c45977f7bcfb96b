"""The search space. A genome is a frozen value; nothing here imports torch."""

from rosearch_engine.genome.dag import Genome, GenomeRow, Node
from rosearch_engine.genome.ops import Cost, Frame, cost
from rosearch_engine.genome.space import Space

__all__ = ["Cost", "Frame", "Genome", "GenomeRow", "Node", "Space", "cost"]
