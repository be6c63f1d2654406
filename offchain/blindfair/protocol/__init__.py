"""The specification, `docs/reference/protocol.md`, as pure Python: what the parties and the contract say to each other.

No network, clock, disk, chain or learning here: bytes and numbers in, bytes, numbers and named errors out.
"""
