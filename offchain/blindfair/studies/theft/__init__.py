"""Thieves: buyers that read records by evaluations instead of buying them, and how much of the records they get.

channel    what an evaluation tells of integer scores, by the rules of today and by those before bits were bounded
digits     columns as the digits of one score: the best that a given number of bits can read
askers     whether somebody is in the listing, and what regression makes of many scores
aimed      queries that are no constants, and reading a few records from all scores of a block
chosen     models and projections that leave a few chosen people alone
besides    lengths of records and preprocessing that tells nothing: what was told or sold beside counted bits
refused    the sections of docs/studies/theft.md on what is refused or mended since
report     the page, and the table of docs/studies/theft.md
"""
