"""How a gradient graph is made."""
