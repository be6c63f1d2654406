"""What `blindfair doctor` looks at on the machine: Python, packages, compiler, the kernel in use, free disk."""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

import blindfair
from blindfair.cli.doctor.finding import Finding

OLDEST_PYTHON = (3, 11)

COMPILED = ("numpy", "torch", "tenseal", "cryptography", "coincurve")
"""Packages of compiled code: a build for another machine is there and cannot be loaded."""

MIN_FREE = 2**30
"""Bytes: a directory holds copies of tables, messages of up to 256 MiB, and encoded rows."""


def look_at_python() -> Iterator[Finding]:
    """Version and place of this program and of Python."""
    yield Finding("version", True, f"blindfair {blindfair.__version__} in {Path(blindfair.__file__).parent}")
    wanted = ".".join(map(str, OLDEST_PYTHON))
    yield Finding(
        "python",
        sys.version_info >= OLDEST_PYTHON,
        f"{platform.python_version()} at {sys.executable}, {platform.system()} {platform.machine()}",
        f"install Python {wanted} or newer, and blindfair under it",
    )


def look_at_packages() -> Iterator[Finding]:
    """Whether each package that is needed is there, of a version that fits, and can be loaded."""
    try:
        needed = [Requirement(text) for text in requires("blindfair") or ()]
    except PackageNotFoundError:
        yield Finding("packages", False, "blindfair is not installed, only its source is on the path", "pip install .")
        return
    needed = [each for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    wrong = [*_unfit(needed), *_unloadable()]
    yield from wrong
    if not wrong:
        yield Finding("packages", True, f"{len(needed)} needed, all of a version that fits; those in C can be loaded")


def _unfit(needed: list[Requirement]) -> Iterator[Finding]:
    for each in needed:
        found = _version(each.name)
        if found is None:
            yield Finding("packages", False, f"{each.name} is not installed", f"pip install '{each}'")
        elif not each.specifier.contains(found, prereleases=True):
            expected = f"{each.name} {found} is installed, {each.specifier} is needed"
            yield Finding("packages", False, expected, f"pip install '{each}'")


def _unloadable() -> Iterator[Finding]:
    for name in COMPILED:
        try:
            import_module(name)
        except (ImportError, OSError) as error:
            yield Finding(
                "packages", False, f"{name} cannot be loaded: {error}", f"pip install --force-reinstall {name}"
            )


def package_versions() -> Mapping[str, str | None]:
    """The version of each package that blindfair names, extras included; None where it is not installed."""
    try:
        names = {Requirement(text).name for text in requires("blindfair") or ()} - {"blindfair"}
    except PackageNotFoundError:
        return {}
    return {name: _version(name) for name in sorted(names)}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def look_at_kernel() -> Iterator[Finding]:
    """The C compiler, and whether blind scoring uses the compiled kernel or SEAL's own arithmetic."""
    from blindfair.blind.kernel import has_vectors, library

    compiler, loaded = find_compiler(), library() is not None
    if compiler is not None:
        yield Finding("compiler", True, compiler)
    elif loaded:
        yield Finding("compiler", True, "none, and none is needed: the kernel is compiled")
    else:
        yield Finding(
            "compiler", False, "there is no C compiler", "install one, on Debian: apt install build-essential"
        )
    if loaded:
        with_vectors = "with this processor's vector instructions" if has_vectors() else "without vector instructions"
        yield Finding("kernel", True, f"compiled, {with_vectors}")
        return
    yield Finding(
        "kernel",
        False,
        "SEAL's own arithmetic: all results are the same, and blind scoring is several times slower",
        "once there is a C compiler: pip install --force-reinstall --no-deps blindfair, or -e . in a checkout",
    )


def find_compiler() -> str | None:
    """The first line that the C compiler says of its version; None where there is none that runs."""
    configured = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "").split()[:1]
    for name in (*configured, "cc", "gcc", "clang"):
        if found := shutil.which(name):
            try:
                told = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
            except (OSError, subprocess.SubprocessError):
                continue
            return (told.stdout.splitlines() or [found])[0]
    return None


def look_at_disk(places: Mapping[str, Path]) -> Iterator[Finding]:
    """Free space of the file system of each place, by what the place is for."""
    for purpose, place in {**places, "temporary files": Path(tempfile.gettempdir())}.items():
        free = shutil.disk_usage(nearest(place)).free
        yield Finding(
            "disk",
            free >= MIN_FREE,
            f"{free / 2**30:,.1f} GiB free for {purpose}, in {place}",
            f"free at least {MIN_FREE / 2**30:.0f} GiB, or name another place",
        )


def nearest(place: Path) -> Path:
    """The place, or the folder above it that is there."""
    place = place.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place
