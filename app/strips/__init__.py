"""Students with a property beside those without it, drawn in the browser."""
