#!/usr/bin/env python3
"""Write the pages of docs/reference that follow from the code; with `--check`, compare instead of writing.

python scripts/pages/reference.py           write the pages
python scripts/pages/reference.py --check   compare, exit 1 on a difference
"""

import argparse
import sys
from pathlib import Path

from commands import commands_page
from contract import contract_page
from exit_codes import exit_codes_page

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
INTERFACES = ROOT / "contracts" / "interfaces"


def generated_pages() -> dict[str, str]:
    """The text of each generated page, by its file name."""
    return {
        "commands.md": commands_page(),
        "contract.md": contract_page(INTERFACES / "IDataExchange.sol", INTERFACES / "IListingDirectory.sol"),
        "exit-codes.md": exit_codes_page(),
    }


def main() -> int:
    """Write or compare; the number that the process ends with."""
    parser = argparse.ArgumentParser(prog="scripts/docs reference", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare the pages with the code, and write nothing")
    check = parser.parse_args().check
    stale = []
    for name, text in generated_pages().items():
        path = REFERENCE / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"docs/reference/{name}: " + ("is not what the code says" if check else "written"))
    if check and stale:
        print("  hint      scripts/docs reference")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
