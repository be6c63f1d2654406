"""Texts for the studies of language models.

corpora    documents of many sources, from a folder that a recipe fills
passages   documents cut into short texts of whole sentences
domains    own texts, mixed offers and test sets
purchases  what is bought, and what it is worth
purchasers what a study measures of each model, domain and seed, kept line by line
hidden     what it costs to hide the query
unwanted   which unwanted texts are bought
report     the tables and the page
"""
