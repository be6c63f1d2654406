"""Records as numbers, gradient rows, queries and their scores in the clear."""
