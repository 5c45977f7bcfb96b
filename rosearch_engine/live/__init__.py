"""Attacks on sentences that a user supplies."""
