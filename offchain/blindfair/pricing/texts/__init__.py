"""A buyer of texts: which query it asks, what it believes of the scores, and what it buys."""
