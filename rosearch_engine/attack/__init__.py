"""The only door to TextAttack. Importing this package does not import TextAttack."""
