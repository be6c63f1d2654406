"""A person's texts: reading them, copies among them, and what a listing says of how models read them."""
