"""A genome becomes a model that starts from its teacher."""
