"""Blindfair: score data blind, price it, and trade it fairly through an escrow.

Packages, from the inside out: `protocol`, `influence`, `blind`, `pricing`, `chain`, `agents`, `cli`. An import may only
point inwards (docs/explanation/architecture.md).
"""

__version__ = "0.1.0"
