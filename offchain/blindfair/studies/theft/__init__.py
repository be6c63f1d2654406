"""Thieves: buyers that read records by evaluations instead of buying them, and how much of the records they get.

channel    what an evaluation tells of integer scores, by the rules of today and by those before bits were bounded
digits     columns as the digits of one score: the best that a given number of bits can read
askers     whether somebody is in the listing, and what regression makes of many scores
report     the table of docs/studies/theft.md
"""
