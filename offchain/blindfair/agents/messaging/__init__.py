"""How agents' messages travel."""
