"""Blind scoring alone: one side has a query, the other has rows, and neither shows its own.

Run it: python examples/blind_scoring.py
"""

import numpy as np

import blindfair as bf


def main() -> None:
    """Score 1,000 rows of 64 numbers, exactly and with 3 bits a record."""
    rng = np.random.default_rng(0)
    query, rows = rng.normal(size=64), rng.normal(size=(1000, 64))

    asked = bf.BlindQuery(query, largest=5.0)
    reply = bf.BlindRows(rows, largest=5.0).reply(asked.message, max_bits=32)
    scores = asked.decrypt(reply, records=1000)
    told = asked.disclosure(records=1000)
    print(f"exact: the largest error is {np.abs(scores - rows @ query).max():.3f}")
    print(f"tells at most {told.bits_per_record:.1f} bits a record; noise floods the rest by {told.flooding_bits:.0f}")

    few = bf.BlindQuery(query, largest=5.0, bits=3, reach=30.0)
    noisy = few.decrypt(bf.BlindRows(rows, largest=5.0).reply(few.message, max_bits=3), records=1000)
    told = few.disclosure(records=1000)
    print(f"3 bits: noise up to {few.noise[0]:.1f}; correlation {np.corrcoef(noisy, rows @ query)[0, 1]:.2f}")
    print(f"tells at most {told.bits_per_record:.1f} bits a record; noise floods the rest by {told.flooding_bits:.0f}")


if __name__ == "__main__":
    main()
