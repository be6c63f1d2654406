"""Studies: what the product does by default is chosen here, by evidence, and by nothing else. Nothing imports this room."""
