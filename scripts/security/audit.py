"""What is tried against contracts and agents outside of CI; each step says in a line what came out and by which tool.

    scripts/audit                      all steps, an hour to an hour and a half
    scripts/audit slither coverage     some of them
    scripts/audit --json FILE          besides, what came out as JSON

    properties  the tests in Solidity as CI runs them: 256 runs a property, 64 x 32 steps; gas as in the snapshot
    deep        the same with 10,000 runs, 1,000 x 50 steps
    coverage    lines and branches of the contracts that those tests reach
    slither     static analysis, held against the findings that docs/security/slither.md answers
    halmos      lemmas of contracts/test/symbolic, proven for all inputs of a stated size
    mutants     slips of the hand in the sources: each makes a test fail or is explained in docs/security/mutants.md
    answers     answers to attacks, each taken out of a copy of the project: the tests that are named for it fail

Tools from PyPI get environments of their own under build/audit, which git ignores; the compiler is npm's throughout.
Exit code 0 when every step came out as it should. Not part of the package; `scripts/audit` makes what it needs.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import answers as to_attacks
from mutants import SOURCES, Compiler, Mutant, mutants

from blindfair.cli.testnet.npm import find_node
from blindfair.protocol.errors import BlindfairError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from compile import CompileFailed, find_forge, install_packages  # noqa: E402

BUILD = ROOT / "build" / "audit"
ANSWERS = ROOT / "docs" / "security"
SLITHER, HALMOS = "slither-analyzer==0.11.6", "halmos==0.3.3"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of a step."""

    step: str
    passed: bool
    tool: str
    """Name and version."""

    said: str
    """One line."""

    seconds: float = 0.0


class AuditFailed(Exception):
    """A tool is missing or does not run; the text says what to do."""


def run(command: Sequence[str | Path], **environment: str) -> subprocess.CompletedProcess[str]:
    """A tool's answer, whatever its exit code."""
    words = [str(word) for word in command]
    return subprocess.run(  # noqa: S603
        words, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def forge() -> Path:
    found = find_forge()
    if found is None:
        raise AuditFailed("there is no forge among npm's packages for this machine")
    return found


def forge_version() -> str:
    found = re.search(r"Version: (\S+)", run([forge(), "--version"]).stdout)
    return f"forge {found[1] if found else 'of an unknown version'}"


def python_tool(package: str, command: str) -> Path:
    """A command of a package from PyPI, in an environment of its own that is made once."""
    home = BUILD / package.partition("==")[0]
    mark = home / "installed"
    if not mark.is_file() or mark.read_text() != package:
        print(f"audit: installing {package}", file=sys.stderr)
        venv.create(home, with_pip=True, clear=True)
        done = run([home / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", package])
        if done.returncode:
            raise AuditFailed(f"{package} could not be installed:\n{done.stderr}")
        mark.write_text(package)
    return home / "bin" / command


def answers(name: str) -> str:
    """A page of docs/security; nothing where there is none."""
    page = ANSWERS / name
    return page.read_text(encoding="utf-8") if page.is_file() else ""


def counted(text: str) -> str:
    """The last line of forge's answer that counts tests."""
    found = re.findall(r"(\d+) tests passed, (\d+) failed", text)
    return f"{found[-1][0]} tests passed, {found[-1][1]} failed" if found else "no test was run"


def properties() -> Outcome:
    # Gas counts in the ordinary campaign; the rest does not look at it.
    done = run([forge(), "test", "--gas-snapshot-check", "true"], FOUNDRY_PROFILE="ci")
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
    return Outcome("properties", done.returncode == 0, forge_version(), counted(done.stdout))


def deep() -> Outcome:
    done = run([forge(), "test", "--no-match-contract", "GasTest"], FOUNDRY_PROFILE="deep")
    (BUILD / "deep.txt").write_text(done.stdout + done.stderr)
    return Outcome("deep", done.returncode == 0, forge_version(), counted(done.stdout))


# --- coverage --------------------------------------------------------------------------------------------------------


UNREACHABLE = {"contracts/libraries/MerkleProof9162.sol": 1}
"""Branches that no test can take, by source; docs/security/tests.md says why."""


def coverage() -> Outcome:
    report = BUILD / "lcov.info"
    done = run(
        [forge(), "coverage", "--report", "lcov", "--report-file", report, "--no-match-contract", "GasTest"],
        BLINDFAIR_CODE="compiled",
    )
    (BUILD / "coverage.txt").write_text(done.stdout + done.stderr)
    if done.returncode or not report.is_file():
        return Outcome("coverage", False, forge_version(), "forge coverage failed; see build/audit/coverage.txt")
    missed, sums = [], [0, 0, 0, 0]
    for source, lines, branches in covered(report.read_text()):
        sums[0] += len(lines)
        sums[1] += sum(hits > 0 for hits in lines.values())
        sums[2] += len(branches)
        sums[3] += sum(branches)
        if len(branches) - sum(branches) != UNREACHABLE.get(source, 0):
            missed.append(f"{source}: {len(branches) - sum(branches)} branches")
        missed += [f"{source}:{line}" for line, hits in lines.items() if not hits]
    for place in missed:
        print(f"audit: not reached: {place}", file=sys.stderr)
    said = f"{sums[1]} of {sums[0]} lines, {sums[3]} of {sums[2]} branches"
    return Outcome("coverage", sums[0] > 0 and not missed, forge_version(), said)


def covered(report: str) -> Iterator[tuple[str, dict[int, int], list[bool]]]:
    """Of every contract that is not of the tests: hits by line, and whether each branch was taken."""
    for record in report.split("end_of_record"):
        source = re.search(r"^SF:(.*)$", record, re.MULTILINE)
        if source is None or source[1] not in SOURCES:
            continue
        lines = {int(line): int(hits) for line, hits in re.findall(r"^DA:(\d+),(\d+)", record, re.MULTILINE)}
        branches = re.findall(r"^BRDA:\d+,\d+,\d+,(\S+)$", record, re.MULTILINE)
        yield source[1], lines, [hits not in ("-", "0") for hits in branches]


# --- slither ---------------------------------------------------------------------------------------------------------


def slither() -> Outcome:
    tool = python_tool(SLITHER, "slither")
    report = BUILD / "slither.json"
    report.unlink(missing_ok=True)
    command: list[str | Path] = [
        tool,
        ".",
        "--compile-force-framework",
        "foundry",
        "--json",
        report,
        "--exclude-dependencies",
    ]
    done = run(
        [*command, "--filter-paths", "node_modules|contracts/test"], PATH=f"{forge().parent}:{os.environ['PATH']}"
    )
    (BUILD / "slither.txt").write_text(done.stdout + done.stderr)
    version = f"slither {run([tool, '--version']).stdout.strip()}"
    if not report.is_file():
        return Outcome("slither", False, version, "it did not run; see build/audit/slither.txt")
    found = {finding(each) for each in json.loads(report.read_text())["results"].get("detectors", [])}
    answered = set(answered_findings(answers("slither.md")))
    for check, place in sorted(found - answered):
        print(f"audit: not answered: {check} in {place}", file=sys.stderr)
    for check, place in sorted(answered - found):
        print(f"audit: answered and no longer found: {check} in {place}", file=sys.stderr)
    return Outcome("slither", found == answered, version, f"{len(found)} findings, {len(found & answered)} answered")


def answered_findings(page: str) -> Iterator[tuple[str, str]]:
    """Each check and place that docs/security/slither.md answers: `## `, the check; `- `, a place."""
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        check, _, rest = part.partition("\n")
        for place in re.findall(r"^- `([^`]+)`$", rest, re.MULTILINE):
            yield check.strip("`"), place


def finding(detector: dict[str, Any]) -> tuple[str, str]:
    """Name of the check, and of the file and function that it is about; without the line, which moves."""
    elements = detector["elements"]
    first = next((each for each in elements if each["type"] in ("function", "variable", "contract")), elements[0])
    file = first["source_mapping"]["filename_relative"].removeprefix("contracts/")
    return str(detector["check"]), f"{file}: {first['name']}"


# --- halmos ----------------------------------------------------------------------------------------------------------


def halmos() -> Outcome:
    tool = python_tool(HALMOS, "halmos")
    environment = {"PATH": f"{forge().parent}:{os.environ['PATH']}", "FOUNDRY_PROFILE": "symbolic"}
    options = ["--forge-build-out", "build/forge/symbolic", "--contract", "Lemmas", "--loop", "40"]
    # Without a limit of time for branches: halmos goes on where one was not decided within a millisecond, and on such a
    # path yices gave a counterexample that is none.
    options += ["--solver-timeout-assertion", "300000", "--solver-timeout-branching", "0"]
    done = run([tool, *options], **environment)
    (BUILD / "halmos.txt").write_text(done.stdout + done.stderr)
    said = re.sub(r"\x1b\[\d+m", "", done.stdout)
    proven = len(re.findall(r"\[PASS\]", said))
    others = re.findall(r"\[(?:FAIL|TIMEOUT|ERROR)\] (\w+)", said)
    # A proof for fewer turns of a loop than there can be is none.
    others += re.findall(r"WARNING +(\w+)", said)
    for name in others:
        print(f"audit: not proven: {name}", file=sys.stderr)
    passed = done.returncode == 0 and proven > 0 and not others
    version = run([tool, "--version"]).stdout.strip()
    return Outcome("halmos", passed, version, f"{proven} lemmas proven, {len(others)} not")


# --- mutants ---------------------------------------------------------------------------------------------------------

FIRST = {
    "ChaCha20.sol": "test_chacha20",
    "MerkleProof9162.sol": "test_a_(leaf|path|changed)",
    "AccountSignature.sol": "test_(a_keys|no_other|the_border)",
}
"""Tests that kill most mutants of a library, tried before the others."""


def killed(compiler: Compiler, mutant: Mutant | None, original: dict[str, str]) -> str:
    """`killed`, `survived`, `no code` for what does not compile, or `same code` for what compiles to the same."""
    code = compiler.compile(mutant)
    if code is None:
        return "no code"
    if mutant is not None and code == original:
        return "same code"
    folder = BUILD / "mutant"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in code.items():
        (folder / f"{name}.json").write_text(json.dumps({"abi": [], "bytecode": "0x" + text}))
    first = FIRST.get(Path(mutant.source).name) if mutant else None
    turns: list[list[str]] = [["--match-test", first]] if first else []
    turns += [["--no-match-contract", "GasTest|InvariantsTest"], ["--match-contract", "InvariantsTest"]]
    for chosen in turns:
        environment = {"FOUNDRY_PROFILE": "quick", "BLINDFAIR_CODE": f"{folder.relative_to(ROOT)}/"}
        if run([forge(), "test", "--fail-fast", *chosen], **environment).returncode:
            return "killed"
    return "survived"


def mutation(only: str = "", every: int = 1) -> Outcome:
    """Tries what was not tried yet: results are kept, line by line, until the sources change."""
    kept = BUILD / "mutants.jsonl"
    BUILD.mkdir(parents=True, exist_ok=True)
    results = {}
    if kept.is_file():
        results = dict(json.loads(line) for line in kept.read_text().splitlines())
    built = run([forge(), "build"], FOUNDRY_PROFILE="quick")
    if built.returncode:
        raise AuditFailed(f"the tests do not compile:\n{built.stdout}{built.stderr}")
    compiler = Compiler(find_node())
    try:
        original = compiler.compile(None)
        if original is None or killed(compiler, None, original) != "survived":
            raise AuditFailed("the sources as they are do not pass the tests with which mutants are tried")
        chosen = [m for source in SOURCES if only in source for m in list(mutants(source))[::every]]
        for number, mutant in enumerate(chosen, 1):
            if mutant.name in results:
                continue
            results[mutant.name] = killed(compiler, mutant, original)
            with kept.open("a") as file:
                file.write(json.dumps([mutant.name, results[mutant.name]]) + "\n")
            print(f"audit: {number} of {len(chosen)}: {results[mutant.name]}: {mutant.name}", file=sys.stderr)
    finally:
        compiler.close()
    names = {mutant.name for mutant in chosen}
    counts = {what: sum(results[n] == what for n in names) for what in ("killed", "survived", "same code", "no code")}
    explained = set(explained_mutants(answers("mutants.md")))
    open_ = [name for name in sorted(names) if results[name] == "survived" and explanation(name) not in explained]
    for name in open_:
        print(f"audit: survives unexplained: {name}", file=sys.stderr)
    said = f"{counts['killed']} killed, {counts['survived']} survive, {len(open_)} of them unexplained; "
    said += f"{counts['same code']} change nothing, {counts['no code']} do not compile"
    return Outcome("mutants", not open_, forge_version(), said)


def explanation(name: str) -> str:
    """A mutant as docs/security/mutants.md knows it: file and change, without the line number, which moves."""
    source, _, change = name.split(":", 2)
    return f"{source.removeprefix('contracts/')}: {change.strip()}"


def explained_mutants(page: str) -> Iterator[str]:
    """Each mutant that docs/security/mutants.md explains: `## `, the source; `- `, its line; `+ `, what replaces it.

    A line without a `+ ` below it is left out.
    """
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        source = part.partition("\n")[0].strip("`")
        for block in re.findall(r"^```diff\n(.*?)^```$", part, re.MULTILINE | re.DOTALL):
            for before, after in re.findall(r"^- (.*)\n((?:\+ .*\n)*)", block, re.MULTILINE):
                for line in after.splitlines() or ["+ nothing"]:
                    yield f"{source}: {before} -> {line.removeprefix('+ ')}"


# --- answers ---------------------------------------------------------------------------------------------------------


def taken_out() -> Outcome:
    before = to_attacks.broken_before()
    if before:
        raise AuditFailed(f"the project as it is does not pass the tests:\n{before}")
    found = 0
    for number, answer in enumerate(to_attacks.ANSWERS, 1):
        lines = to_attacks.overlooked(answer)
        found += not lines
        place = f"{answer.source}: {answer.before.strip().splitlines()[0]}"
        print(f"audit: {number} of {len(to_attacks.ANSWERS)}: {place}", file=sys.stderr)
        for line in lines:
            print(f"audit: {line}", file=sys.stderr)
    said = f"{len(to_attacks.ANSWERS)} answers taken out, {found} of them noticed by every test that is named"
    version = run([sys.executable, "-m", "pytest", "--version"]).stdout.strip()
    return Outcome("answers", found == len(to_attacks.ANSWERS), version, said)


STEPS: dict[str, Callable[[], Outcome]] = {
    "properties": properties,
    "coverage": coverage,
    "slither": slither,
    "halmos": halmos,
    "mutants": mutation,
    "answers": taken_out,
    "deep": deep,
}


def main() -> int:
    """0 when every step passed, 1 when one did not, 2 when a tool is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"of {', '.join(STEPS)}; all if none is named")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what came out")
    parser.add_argument("--source", default="", help="mutants only of sources whose path has this in it")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th mutant of a source")
    arguments = parser.parse_args()
    unknown = set(arguments.steps) - set(STEPS)
    if unknown:
        parser.error(f"no such step: {', '.join(sorted(unknown))}")
    steps: dict[str, Callable[[], Outcome]] = {**STEPS, "mutants": partial(mutation, arguments.source, arguments.every)}
    outcomes = []
    BUILD.mkdir(parents=True, exist_ok=True)
    try:
        node = find_node()
        os.environ["PATH"] = f"{node.parent}{os.pathsep}{os.environ['PATH']}"
        install_packages(node)
        for name in arguments.steps or STEPS:
            start = monotonic()
            found = steps[name]()
            outcomes.append(Outcome(found.step, found.passed, found.tool, found.said, round(monotonic() - start, 1)))
            mark = "passed" if found.passed else "FAILED"
            print(f"{mark}  {found.step:<11} {found.said} ({found.tool}, {outcomes[-1].seconds:.0f} s)", flush=True)
    except (AuditFailed, CompileFailed, BlindfairError) as failure:
        print(f"audit: {failure}", file=sys.stderr)
        return 2
    finally:
        if arguments.json:
            arguments.json.write_text(json.dumps([asdict(each) for each in outcomes], indent=1) + "\n")
    return 0 if all(each.passed for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
