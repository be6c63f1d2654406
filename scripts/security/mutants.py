"""Mutants of the contracts, as scripts/audit tries them: what they are, how one is made, and how it is compiled.

A mutant is one change to one line that a slip of the hand could have made: another comparison, another operation,
another constant, a statement left out. Each must make some test fail. Comments, imports and declarations stay as they
are. Pure but for `Compiler`, which asks npm's solc. It is not part of the package.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

ROOT = Path(__file__).resolve().parents[2]

SOURCES = (
    "contracts/DataExchange.sol",
    "contracts/FreeBalances.sol",
    "contracts/Domain.sol",
    "contracts/ListingDirectory.sol",
    "contracts/libraries/AccountSignature.sol",
    "contracts/libraries/MerkleProof9162.sol",
    "contracts/libraries/OfferHash.sol",
    "contracts/libraries/OrderSlot.sol",
    "contracts/libraries/Payout.sol",
    "contracts/libraries/PossibleActions.sol",
    "contracts/libraries/SignedPayment.sol",
    "contracts/libraries/ChaCha20.sol",
)

TARGETS = {
    "DataExchange": "contracts/DataExchange.sol",
    "ListingDirectory": "contracts/ListingDirectory.sol",
    "LibraryHarness": "contracts/test/LibraryHarness.sol",
    "PayoutHarness": "contracts/test/PayoutHarness.sol",
}
"""What the tests put on the chain."""

OPERATIONS: tuple[tuple[str, str], ...] = (
    (r"(?<![<>=!])==", "!="),
    (r"!=", "=="),
    (r"(?<![<>=-])>(?![>=])", ">="),
    (r"(?<![<>=])<(?![<=])", "<="),
    (r">=", ">"),
    (r"<=", "<"),
    (r"&&", "||"),
    (r"\|\|", "&&"),
    (r"(?<=[\w)\]]) \+ (?=[\w(])", " - "),
    (r"(?<=[\w)\]]) - (?=[\w(])", " + "),
    (r"(?<=[\w)\]]) & (?=[\w(])", " | "),
    (r"(?<=[\w)\]]) \| (?=[\w(])", " & "),
    (r"(?<=[\w)\]]) \^ (?=[\w(])", " | "),
    (r"<<", ">>"),
    (r">>", "<<"),
    (r"\+=", "-="),
    (r"&=", "|="),
    (r"\^=", "|="),
    (r"\+\+(?=\w)", "--"),
    (r"(?<=[(\s])!(?=[\w(])", ""),
    (r"\btrue\b", "false"),
    (r"\badd\(", "sub("),
    (r"\bsub\(", "add("),
    (r"\band\(", "or("),
    (r"\bor\(", "and("),
    (r"\bxor\(", "or("),
    (r"\bgt\(", "lt("),
    (r"\blt\(", "gt("),
    (r"\beq\(", "gt("),
    (r"\bshl\(", "shr("),
    (r"\bshr\(", "shl("),
    (r"\biszero\(", "not("),
    (r"\bseller\b(?=[),])", "buyer"),
    (r"offer\.price", "offer.bond"),
    (r"offer\.bond", "offer.price"),
    (r"offer\.buyer", "offer.seller"),
    (r"offer\.seller", "offer.buyer"),
    (r"\brevealWindow\b", "disputeWindow"),
    (r"msg\.sender", "tx.origin"),
    (r"State\.Locked", "State.Revealed"),
    (r"State\.Revealed", "State.Locked"),
    (r"State\.Refunded", "State.Released"),
    (r"State\.Released", "State.Refunded"),
    (r"State\.None", "State.Cancelled"),
)
"""What is written, as a pattern, and what a mutant has in its place."""

NUMBER = re.compile(r"(?<![\w.])(0x[0-9a-fA-F]+|\d[\d_]*)(?![\w.])")
DELETED = re.compile(r"^\s*(?:\w[\w.\[\]]* (?:[-+&|^]?=) .*;|\w[\w.]*\(.*\);|if \(.*\) revert .*;|emit .*;|.*\+= .*;)$")
PASSED_OVER = re.compile(
    r"^\s*(?:///?|\*|import |pragma |using |error |event |library |contract |abstract |function |struct |type "
    r"|returns? ?\(|private$|external$|internal$|view$|pure$|let \w+$)"
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change; `line` from 1."""

    source: str
    line: int
    before: str
    after: str

    @property
    def name(self) -> str:
        return f"{self.source}:{self.line}: {self.before.strip()} -> {self.after.strip() or 'nothing'}"


def mutants(source: str) -> Iterator[Mutant]:
    """All mutants of a source file, in the order of its lines."""
    seen: set[tuple[int, str]] = set()
    for number, line in enumerate((ROOT / source).read_text(encoding="utf-8").splitlines(), 1):
        if PASSED_OVER.match(line) or not line.strip():
            continue
        for after in changes(line):
            if after != line and (number, after) not in seen:
                seen.add((number, after))
                yield Mutant(source, number, line, after)


def changes(line: str) -> Iterator[str]:
    """What a line may become."""
    code, mark, comment = line.partition("//")
    for pattern, replacement in OPERATIONS:
        for found in re.finditer(pattern, code):
            yield code[: found.start()] + replacement + code[found.end() :] + mark + comment
    for found in NUMBER.finditer(code):
        value = int(found[0].replace("_", ""), 0)
        changed = hex(value ^ 1 << (value.bit_length() // 2)) if found[0].startswith("0x") else str(value + 1)
        yield code[: found.start()] + changed + code[found.end() :] + mark + comment
    if DELETED.match(code):
        yield ""


class Compiler:
    """npm's solc as it stays in memory: one process for all mutants."""

    _SCRIPT = """
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";

const root = process.argv[1];
const solc = createRequire(root + "/scripts/solc")("solc");
const places = [root, path.join(root, "node_modules")];
const find = (name) => places.map((place) => path.join(place, name)).find((file) => fs.existsSync(file));
const look = (name) => ({ contents: fs.readFileSync(find(name), "utf8") });
for await (const line of readline.createInterface({ input: process.stdin })) {
  let rest = Buffer.from(solc.compile(line, { import: look }).replaceAll("\\n", "") + "\\n");
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(process.stdout.fd, rest));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}
"""

    def __init__(self, node: Path) -> None:
        command = [str(node), "--input-type=module", "-e", self._SCRIPT, str(ROOT)]
        self._process = subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._questions = cast(IO[str], self._process.stdin)
        self._answers = cast(IO[str], self._process.stdout)

    def compile(self, mutant: Mutant | None) -> dict[str, str] | None:
        """Name of each target to its creation code, as one mutant or none has it; None when it does not compile."""
        sources = {name: {"content": self._text(name, mutant)} for name in (*TARGETS.values(), *SOURCES)}
        question = {
            "language": "Solidity",
            "sources": sources,
            "settings": {
                "evmVersion": "prague",
                # Not as shipped: half of a minute each would be too long. The tests are about what the sources say.
                "optimizer": {"enabled": False},
                "metadata": {"bytecodeHash": "none"},
                "outputSelection": {"*": {name: ["evm.bytecode.object"] for name in TARGETS}},
            },
        }
        self._questions.write(json.dumps(question) + "\n")
        self._questions.flush()
        answer: dict[str, Any] = json.loads(self._answers.readline())
        if any(each["severity"] == "error" for each in answer.get("errors", [])):
            return None
        contracts = answer["contracts"]
        return {name: contracts[source][name]["evm"]["bytecode"]["object"] for name, source in TARGETS.items()}

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    @staticmethod
    def _text(name: str, mutant: Mutant | None) -> str:
        text = (ROOT / name).read_text(encoding="utf-8")
        if mutant is None or mutant.source != name:
            return text
        lines = text.splitlines()
        lines[mutant.line - 1] = mutant.after
        return "\n".join(lines) + "\n"
