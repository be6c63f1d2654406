"""Vectors of what is committed and evaluated: trees, documents, chunks, rows, draws, projection signs."""

import hmac
from typing import Any

from vectors.reference import (
    audit_path,
    chacha20,
    chunks_of,
    divide,
    draw,
    free_units,
    pattern,
    sha256,
    tagged,
    tree_hash,
    u64,
)

Case = dict[str, Any]

SECRET = bytes(range(32))
SELLER_KEY = bytes([7]) * 32
LENGTHS = [0, 1, 5, 1007, 1008, 1009, 2016, 2017, 3000]
"""Record lengths around the borders of chunk size 1024."""


def trees() -> list[Case]:
    """RFC 9162 2.1.1: the leaf data of leaf i is i as 4 bytes big-endian."""
    return [{"name": f"{n} leaves", "size": n, "root": tree_hash(leaves(n)).hex()} for n in range(1, 66)]


def leaves(size: int) -> list[bytes]:
    return [i.to_bytes(4, "big") for i in range(size)]


def paths() -> list[Case]:
    """RFC 9162 2.1.3: every path up to 9 leaves, three paths of every larger size, and what must be refused."""
    cases = [
        path_case(f"leaf {index} of {size}", index, size, "ok")
        for size in range(1, 66)
        for index in (range(size) if size <= 9 else (0, size // 2, size - 1))
    ]
    for index, size in ((0, 1), (0, 2), (1, 2), (2, 3), (4, 5), (6, 7), (3, 8), (7, 8), (20, 33), (32, 33), (64, 65)):
        cases += refused_paths(index, size)
    return cases


def path_case(name: str, index: int, size: int, expect: str) -> Case:
    data = leaves(size)
    return {
        "name": name,
        "expect": expect,
        "index": index,
        "size": size,
        "leaf": sha256(b"\x00" + data[index]).hex(),
        "path": [node.hex() for node in audit_path(index, data)],
        "root": tree_hash(data).hex(),
    }


def refused_paths(index: int, size: int) -> list[Case]:
    good = path_case("", index, size, "PathInvalid")
    path = good["path"]
    changes: list[Case] = [
        {"name": "leaf of another place", "leaf": sha256(b"\x00other").hex()},
        {"name": "another root", "root": sha256(b"other").hex()},
        {"name": "index beyond the tree", "index": size},
        {"name": "negative index", "index": -1},
        {"name": "no tree", "size": 0},
        {"name": "one digest too many", "path": [*path, good["root"]]},
        {"name": "the leaf as its own sibling", "path": [good["leaf"], *path]},
    ]
    if path:
        changes += [
            {"name": "last digest missing", "path": path[:-1]},
            {"name": "first digest missing", "path": path[1:]},
            {"name": "no path", "path": []},
            {"name": "as the only leaf", "index": 0, "size": 1},
            {"name": "a digest altered", "path": [flip(path[0]), *path[1:]]},
            {"name": "a digest of 31 bytes", "path": [path[0][:-2], *path[1:]]},
            {"name": "a digest of 33 bytes", "path": [*path[:-1], path[-1] + "00"]},
            {"name": "neighbour's index", "index": index ^ 1 if index ^ 1 < size else index - 1},
            {"name": "the root as a leaf", "leaf": good["root"], "path": []},
        ]
    if len(path) > 1:
        changes.append({"name": "path from root to leaf", "path": path[::-1]})
        # An inner node passed off as a leaf: only the prefix byte and the length of the path speak against it.
        changes.append({"name": "two digests as one", "path": [path[0] + path[1], *path[2:]]})
    return [good | change | {"name": f"leaf {index} of {size}: {change['name']}"} for change in changes]


def flip(text: str) -> str:
    """The same hexadecimal text with its first bit inverted."""
    data = bytearray.fromhex(text)
    data[0] ^= 0x80
    return data.hex()


def documents() -> list[Case]:
    """Bytes of documents: one form is right, everything else is refused."""
    good = [
        b"{}",
        b'{"a":null,"b":true,"c":false}',
        b'{"a":-1,"b":9007199254740991,"c":-9007199254740991}',
        b'{"a":0.5,"b":1e-7,"c":1e+21,"d":9007199254740992}',
        b'{"":"","a":[],"b":{}}',
        '{"1":"€","a":"\\u001f\\b\\t\\n\\f\\r\\"\\\\/"}'.encode(),
        b'{"A":1,"a":[[1],[2,{"x":[]}]]}',
        b'{"a":' + b"[" * 15 + b"]" * 15 + b"}",
        b'{"a":"' + b"[{" * 500 + b'"}',
        b'{"a":[' + b"[]," * 99 + b"[]]}",
        b'{"a":"\\"[[[[[[[[[[[[[[[[[["}',
    ]
    bad = {
        "nothing": b"",
        "white space before": b' {"a":1}',
        "white space within": b'{"a": 1}',
        "line feed after": b'{"a":1}\n',
        "byte order mark": b'\xef\xbb\xbf{"a":1}',
        "second document": b"{}{}",
        "cut off": b'{"a":1',
        "list": b"[]",
        "text": b'"a"',
        "number": b"1",
        "null": b"null",
        "field twice": b'{"a":1,"a":1}',
        "field twice, deeper": b'{"a":{"b":1,"b":2}}',
        "field twice, spelled differently": b'{"a":1,"\\u0061":1}',
        "fields out of order": b'{"b":1,"a":2}',
        "fields in UTF-8 order": '{"\ufb33":1,"\U0001f600":2}'.encode(),
        "number with a point": b'{"a":1.0}',
        "number with an exponent": b'{"a":1e3}',
        "number with a capital exponent": b'{"a":1E+21}',
        "number with a leading zero": b'{"a":01}',
        "number with a sign": b'{"a":+1}',
        "minus zero": b'{"a":-0}',
        "integer that no double holds": b'{"a":9007199254740993}',
        "integer of 400 digits": b'{"a":1' + b"0" * 399 + b"}",
        "integer of 5000 digits": b'{"a":' + b"9" * 5000 + b"}",
        "more digits than a double has": b'{"a":0.10000000000000000555}',
        "too large for a double": b'{"a":1e400}',
        "NaN": b'{"a":NaN}',
        "Infinity": b'{"a":Infinity}',
        "minus Infinity": b'{"a":-Infinity}',
        "needless escape": b'{"a":"\\u0041"}',
        "escaped solidus": b'{"a":"\\/"}',
        "escape in capitals": b'{"a":"\\u001F"}',
        "control character as it is": b'{"a":"\x01"}',
        "lone surrogate": b'{"a":"\\ud800"}',
        "lone surrogate as a name": b'{"\\ud800":1}',
        "surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
        "not UTF-8": b'{"a":"\xff"}',
        "UTF-16": '{"a":1}'.encode("utf-16-be"),
        "single quotes": b"{'a':1}",
        "comma at the end": b'{"a":1,}',
        "comment": b'{"a":1/**/}',
        "name without quotes": b"{a:1}",
        "literal in capitals": b'{"a":True}',
        "17 levels": b'{"a":' + b"[" * 16 + b"]" * 16 + b"}",
        "5000 levels": b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
        "5000 levels after a thousand lists": b'{"a":[' + b"[]," * 1000 + b"[" * 5000 + b"]" * 5001 + b"}",
        "5000 brackets never closed": b"[" * 5000,
        "objects 2000 deep": b'{"a":' * 2000 + b"1" + b"}" * 2000,
        "brackets after a string that is not one": b'{"a":"\n' + b"[" * 5000,
        "escaped quotes without end": b'{"a":"' + b'\\"' * 5000,
    }
    cases: list[Case] = [{"name": f"good {i}", "data": d.hex(), "expect": "ok"} for i, d in enumerate(good)]
    cases += [{"name": name, "data": data.hex(), "expect": "MalformedMessage"} for name, data in bad.items()]
    cases.append({"name": "as long as the limit", "data": b"{}".hex(), "limit": 2, "expect": "ok"})
    cases.append({"name": "one byte over the limit", "data": b"{}".hex(), "limit": 1, "expect": "MessageTooLarge"})
    return cases


def chunks() -> list[Case]:
    """PROTOCOL 2: record r has byte (7 r + k) mod 251 at place k."""
    cases = []
    for size, lengths in ((1024, LENGTHS), (4096, [4080, 4081, 0, 9000]), (16384, [16368, 16369]), (1024, [0])):
        cut, first = chunks_of([pattern(r, length) for r, length in enumerate(lengths)], size, SECRET)
        hashes = [sha256(b"\x00" + chunk) for chunk in cut]
        cases.append(
            {
                "name": f"chunk size {size}, record lengths {lengths}",
                "chunk_size": size,
                "secret": SECRET.hex(),
                "record_lengths": lengths,
                "first_chunks": first,
                "chunk_lengths": [len(chunk) for chunk in cut],
                "salts": [chunk[:16].hex() for chunk in cut],
                "leaf_hashes": [h.hex() for h in hashes],
                "leaf_digest": sha256(b"".join(hashes)).hex(),
                "listing_root": tree_hash(cut).hex(),
            }
        )
    return cases


def lengths() -> list[Case]:
    """PROTOCOL 2: chunk lengths of one record, salts included, chunk size 1024."""
    good = [[16], [17], [1024], [1024, 17], [1024, 1024], [1024, 1024, 500]]
    bad = {
        "no chunk": [],
        "shorter than a salt": [15],
        "nothing": [0],
        "longer than a chunk": [1025],
        "empty last chunk": [1024, 16],
        "last chunk shorter than a salt": [1024, 1],
        "last chunk too long": [1024, 1025],
        "first chunk short": [1023, 100],
        "first chunk long": [1025, 100],
        "middle chunk short": [1024, 16, 1024],
        "middle chunk empty": [1024, 0, 20],
        "two records' chunks": [500, 500],
    }
    cases: list[Case] = [
        {"name": str(lengths), "chunk_size": 1024, "lengths": lengths, "expect": "ok"} for lengths in good
    ]
    return cases + [
        {"name": name, "chunk_size": 1024, "lengths": lengths, "expect": "MalformedChunk"}
        for name, lengths in bad.items()
    ]


def rows() -> dict[str, Any]:
    """PROTOCOL 4.2: leaves of 5 rows of 4 entries, the row tree, and leaf data that must be refused."""
    request = sha256(b"request")
    table = [[0, 1, -1, 2], [2047, -2047, 0, 0], [-1, -1, -1, -1], [100, -200, 300, -400], [0, 0, 0, 0]]
    leaf_data = []
    for record, row in enumerate(table):
        salt = hmac.digest(SECRET, b"row" + request + u64(record), "sha256")[:16]
        leaf_data.append(salt + u64(record) + b"".join(e.to_bytes(2, "big", signed=True) for e in row))
    good = leaf_data[1].hex()
    edge = (2048).to_bytes(2, "big", signed=True).hex()
    under = (-2048).to_bytes(2, "big", signed=True).hex()
    bad = {
        "nothing": "", "salt only": good[:32], "a byte short": good[:-2], "a byte long": good + "00",
        "an entry short": good[:-4], "an entry long": good + "0000", "entry 2048": good[:-4] + edge,
        "entry -2048": good[:-4] + under, "entry -32768": good[:48] + "8000" + good[52:],
        "entry 32767": good[:48] + "7fff" + good[52:],
    }  # fmt: skip
    cases: list[Case] = [
        {"name": f"row {r}", "leaf": d.hex(), "k": 4, "expect": "ok", "record": r, "row": table[r]}
        for r, d in enumerate(leaf_data)
    ]
    return {
        "secret": SECRET.hex(),
        "request": request.hex(),
        "rows": table,
        "row_root": tree_hash(leaf_data).hex(),
        "cases": [*cases, *({"name": n, "leaf": d, "k": 4, "expect": "MalformedMessage"} for n, d in bad.items())],
    }


def noise() -> list[Case]:
    """PROTOCOL 4.6: the draws of scores of records and of a group, and the middle of the noise that they give, by its
    width and the number of bits that count."""
    request, other = sha256(b"request"), sha256(b"another request")
    first, second = (hmac.digest(SECRET, b"chunk" + u64(j), "sha256")[:16] for j in (0, 1))
    cases: list[Case] = []
    for name, salts, digest, unit, query in (
        ("the first record", [first], request, 0, 0),
        ("the same for the second query", [first], request, 0, 1),
        ("another record", [second], request, 1, 0),
        ("the same record in another request", [first], other, 0, 0),
        ("equal salts in another place", [first], request, 5, 0),
        ("a group of two", [first, second], request, 0, 0),
        ("the last number there is", [first], request, 2**64 - 1, 15),
    ):
        message = b"noise" + digest + u64(unit) + u64(query)
        draw = hmac.digest(b"".join(salts), message, "sha256")[0] // 16
        cases.append(
            {
                "name": name,
                "salts": [salt.hex() for salt in salts],
                "request": digest.hex(),
                "unit": unit,
                "query": query,
                "expect": "ok",
                "draw": draw,
                "middle": {
                    f"{width}, {first}": str(
                        (draw >> (4 - first)) * 2 ** (width - first) + 2 ** (width - first - 1) - 2 ** (width - 1)
                    )
                    for width, first in ((88, 0), (90, 2), (117, 4), (119, 4))
                },
            }
        )
    cases.append(
        {"name": "no salt", "salts": [], "request": request.hex(), "unit": 0, "query": 0, "expect": "ShapeMismatch"}
    )
    return cases


def draws() -> list[Case]:
    """PROTOCOL 5.2, with the commitments of the two numbers."""
    cases = []
    evaluation = tagged("evaluation", sha256(b"request") + sha256(b"reply"))
    for number, (selection, t) in enumerate(
        (
            (list(range(10)), 3),
            (list(range(0, 3000, 3)), 59),
            ([0, 5, 2**40, 2**63, 2**64 - 1], 4),
            (list(range(100)), 99),
            ([4, 8], 1),
            ([4, 8], 2),
            ([4, 8], 5),
            ([7], 1),
            ([7, 9], 0),
        )
    ):
        buyer, seller = sha256(b"buyer" + u64(number)), sha256(b"seller" + u64(number))
        cases.append(
            {
                "name": f"{t} of {len(selection)}",
                "buyer": buyer.hex(),
                "seller": seller.hex(),
                "buyer_commitment": tagged("rB", buyer).hex(),
                "seller_commitment": tagged("rS", seller).hex(),
                "request": sha256(b"request").hex(),
                "reply": sha256(b"reply").hex(),
                "evaluation": evaluation.hex(),
                "selection": selection,
                "t": t,
                "expect": "ok",
                "drawn": draw(buyer, seller, evaluation, selection, t),
            }
        )
    for name, selection in (
        ("nothing selected", []),
        ("a record twice", [1, 1]),
        ("descending", [2, 1]),
        ("negative", [-1, 1]),
        ("a number of 65 bits", [1, 2**64]),
    ):
        cases.append(cases[0] | {"name": name, "selection": selection, "expect": "MalformedMessage", "drawn": []})
    return cases


def parts() -> list[Case]:
    """PROTOCOL 5.6: what is ordered of a selection, with the numbers of the first draw."""
    buyer, seller = sha256(b"buyer" + u64(0)), sha256(b"seller" + u64(0))
    evaluation = tagged("evaluation", sha256(b"request") + sha256(b"reply"))
    cases: list[Case] = []
    for name, size, t, share, price in (
        ("as many as are opened", 20, 10, 0.5, 1000),
        ("fewer than are opened", 20, 3, 0.5, 1000),
        ("none audited, none opened", 20, 0, 0, 1000),
        ("all opened, more asked for", 20, 20, 1, 1000),
        ("one more than is opened", 20, 11, 0.5, 1000),
        ("a share rounded down", 19, 10, 0.5, 1000),
        ("a share just under a whole number", 100, 29, 0.29, 1000),
        ("nothing opened free", 20, 1, 0, 1000),
        ("a sample rounded up", 7, 3, 0, 10),
        ("a wei for all", 7, 3, 0, 1),
        ("nothing for all", 7, 3, 0, 0),
        ("the largest price", 7, 5, 0, 2**128 - 1),
        ("all drawn", 7, 7, 0, 10),
        ("more than all drawn", 7, 59, 0.9, 10),
        ("one record", 1, 1, 0, 10),
    ):
        selection = list(range(0, 3 * size, 3))
        ordered = [("whole", selection, price)]
        if t > int(share * size):
            ordered = divide(selection, draw(buyer, seller, evaluation, selection, t), price)
        cases.append(
            {
                "name": name,
                "buyer": buyer.hex(),
                "seller": seller.hex(),
                "evaluation": evaluation.hex(),
                "opened_share": share,
                "selection": selection,
                "t": t,
                "price": str(price),
                "expect": "ok",
                "parts": [
                    {"part": part, "records": records, "price": str(amount)} for part, records, amount in ordered
                ],
            }
        )
    for name, size, t, share, price, fee in (
        ("a fee credited, whole", 20, 10, 0.5, 1000, 300),
        ("a fee credited, in parts", 20, 11, 0.5, 1000, 300),
        ("a fee credited before a sample is rounded up", 7, 3, 0, 11, 1),
        ("a fee of a unit less than the price", 7, 3, 0, 10, 9),
        ("a fee of the price", 7, 3, 0, 10, 10),
        ("a fee of more than the price, whole", 20, 10, 0.5, 1000, 1001),
        ("a fee of more than the price, in parts", 7, 3, 0, 10, 2**128 - 1),
        ("a fee credited against the largest price", 7, 5, 0, 2**128 - 1, 2**127),
    ):
        selection = list(range(0, 3 * size, 3))
        paid = price - min(price, fee)
        ordered = [("whole", selection, paid)]
        if t > int(share * size):
            ordered = divide(selection, draw(buyer, seller, evaluation, selection, t), paid)
        told = [{"part": part, "records": records, "price": str(amount)} for part, records, amount in ordered]
        case = {
            "name": name,
            "selection": selection,
            "t": t,
            "opened_share": share,
            "price": str(price),
            "fee": str(fee),
        }
        cases.append(cases[0] | case | {"parts": told})
    for name, selection in (("nothing selected", []), ("a record twice", [1, 1]), ("descending", [2, 1])):
        cases.append(cases[4] | {"name": name, "selection": selection, "expect": "MalformedMessage", "parts": []})
    return cases


def free() -> list[Case]:
    """PROTOCOL 5.6: how many records or groups of a selection are opened free.

    `chunks_of_records` is the manifest's run-length list; `selection` is a range of records, its end excluded.
    """
    cases: list[Case] = []
    for name, runs, size, chunk_size, dimension, share, (start, stop) in (
        ("records by their share", [100, 1], 1, 1024, 31, 0.2, (0, 100)),
        ("as many records as a message opens", [9000, 1], 1, 1024, 512, 1, (0, 9000)),
        ("groups surely among these", [9000, 1], 100, 1024, 512, 0.9, (0, 9000)),
        ("59 groups of 50 records of 90 kB", [5900, 90], 50, 1024, 512, 0.5, (0, 5900)),
        ("the same in chunks of 16 kB", [5900, 6], 50, 16384, 512, 0.5, (0, 5900)),
        ("the largest of the selection count", [200, 1, 60, 500], 1, 16384, 31, 0.5, (0, 260)),
        ("what is not selected does not count", [200, 1, 60, 500], 1, 16384, 31, 0.5, (0, 200)),
        ("groups of one large record each", [9, 1, 1, 900, 9, 1, 1, 900], 10, 16384, 31, 1, (0, 20)),
        ("a record that fits in no message", [10, 1, 1, 17000], 1, 16384, 31, 1, (0, 11)),
        ("a group that fits in no message", [40, 900], 20, 16384, 31, 1, (0, 40)),
        ("rows as long as they may be", [4096, 4], 1, 16384, 4096, 1, (0, 4096)),
        ("short rows of the same records", [4096, 3], 1, 16384, 1, 1, (0, 4096)),
        ("a short last group", [25, 100], 10, 1024, 31, 1, (0, 25)),
        ("as much as a message holds", [2, 7880], 1, 16384, 1408, 1, (0, 2)),
        ("one entry more", [2, 7880], 1, 16384, 1409, 1, (0, 2)),
        ("longer paths of more than 2^20 chunks", [300, 4000], 1, 1024, 31, 1, (0, 300)),
        ("paths of 2^20 chunks", [262, 4000, 1, 576], 1, 1024, 31, 1, (0, 262)),
    ):
        lengths = [chunks for records, chunks in zip(runs[::2], runs[1::2], strict=True) for _ in range(records)]
        groups = [lengths[i : min(i + size, stop)] for i in range(start, stop, size)]
        cases.append(
            {
                "name": name,
                "disclosure": "per-record" if size == 1 else f"per-group-{size}",
                "chunks_of_records": runs,
                "chunk_size": chunk_size,
                "dimension": dimension,
                "opened_share": share,
                "selection": [start, stop],
                "expect": "ok",
                "free": free_units(groups, stop - start, size, chunk_size, dimension, share, sum(lengths)),
            }
        )
    for name, selection, error in (
        ("a group cut at its end", [0, 25], "FieldMismatch"),
        ("a group cut at its beginning", [1, 20], "FieldMismatch"),
        ("nothing selected", [3, 3], "MalformedMessage"),
        ("a record outside the listing", [0, 5950], "MalformedMessage"),
    ):
        cases.append(cases[3] | {"name": name, "selection": selection, "expect": error, "free": 0})
    return cases


def signs() -> list[Case]:
    """PROTOCOL 4.1: the signs of a seeded projection."""
    cases: list[Case] = []
    for count in (1, 7, 8, 9, 512, 513, 1000):
        seed = sha256(b"seed" + u64(count))
        stream = chacha20(seed, bytes(12), 0, bytes((count + 7) // 8))
        bits = "".join("+" if stream[i // 8] >> i % 8 & 1 else "-" for i in range(count))
        cases.append({"name": f"{count} signs", "seed": seed.hex(), "count": count, "expect": "ok", "signs": bits})
    for name, seed_text, count in (
        ("short seed", "00" * 31, 8),
        ("long seed", "00" * 33, 8),
        ("-1 signs", "00" * 32, -1),
    ):
        cases.append({"name": name, "seed": seed_text, "count": count, "expect": "ShapeMismatch"})
    cases.append({"name": "more than a stream", "seed": "00" * 32, "count": 2**41 + 1, "expect": "ShapeMismatch"})
    return cases
