"""Stage 6: the only door to TextAttack. Importing this package does not import TextAttack."""
