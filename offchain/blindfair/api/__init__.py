"""The functions that programs call: blind scoring alone, a trade in one process, a party of your own.

Modules of this package are private; their names are public at the top, `blindfair`.
"""
