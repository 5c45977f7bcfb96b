"""A student learns from its teacher's cached outputs."""
