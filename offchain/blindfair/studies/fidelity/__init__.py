"""How true blind scores are: to the plaintext ones, and to products of whole gradients.

exact      products with a text's whole gradient, which is never formed
worlds     models, texts or images, and the queries that are asked of them
measures   correlations and errors; a real evaluation under encryption
report     the tables and the page
"""
