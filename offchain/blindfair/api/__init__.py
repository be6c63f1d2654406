"""What programs call: blind scoring alone, a trade in one process, parties of one's own. `import blindfair` shows it.

Modules of this package are private; their names are public at the top, `blindfair`.
"""
