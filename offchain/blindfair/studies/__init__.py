"""Studies: what the product does by default is chosen here, by evidence. Nothing imports this package."""
