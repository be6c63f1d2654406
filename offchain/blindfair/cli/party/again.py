"""The command with which a party goes on in its directory, as it is told to type it."""

import shlex
from pathlib import Path


def again(command: str, directory: Path, password_file: Path | None) -> str:
    """`blindfair COMMAND` with what was given this time, in the shell's quotes where it needs them."""
    given = ["--directory", str(directory)]
    if password_file is not None:
        given += ["--password-file", str(password_file)]
    return f"blindfair {command} {shlex.join(given)}"
