"""Blind scoring: exact integer products of a secret query and secret rows under BFV (PROTOCOL 4, SCORING).

The buyer calls `encrypt_queries` and `decrypt_reply`, the seller `encode_rows` and `evaluate`; between them pass bytes
only. `Disclosure` says what an evaluation tells at most, `estimate` what it takes.
"""
