"""Stage 4: a genome becomes a model that starts from its teacher."""
