"""A market of texts from many sources: how value is spread over them, and what pay by value changes.

market    buyers, and one offer of many sellers, some of them bad
shape     shares of value, Gini coefficients, and the tail with its fit
values    values, purchases, training and pay of one buyer
report    the tables and the page
"""
