"""Texts for the studies of language models.

corpora    documents of many sources, from a folder that a recipe fills
passages   documents cut into short texts of whole sentences
"""
