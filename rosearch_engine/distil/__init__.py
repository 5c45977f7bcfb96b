"""Stage 5: a student learns from its teacher's cached outputs."""
