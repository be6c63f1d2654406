"""A container file built and run without a builder: its steps, word by word, in layers over this machine's own root.

Stands in for a registry's base image, of which this machine has none. Needs root, `unshare`, `nsenter`, `setpriv`, and
a kernel with overlays. Where podman or docker is, use that.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

TOOLS = ("unshare", "nsenter", "setpriv", "mount")
BASE_PYTHON = Path("/usr/bin/python3")
"""What the base image's `python` is here: one that other users than root may run."""

COPY = 'if [ -d "$1" ]; then mkdir -p "$2"; cp -a "$1/." "$2"; else cp -a "$1" "$2"; fi'
"""As the instruction does it: of a folder what is in it."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def steps_of(text: str) -> list[tuple[str, str]]:
    """The instructions of a container file with their arguments, each on one line."""
    bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\s*\\\n\s*", " ", bare)
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def why_not() -> str:
    """Why nothing can be built here; empty if it can."""
    if os.geteuid() != 0:
        return "layers need root"
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"there is no {', '.join(missing)}"
    if subprocess.run(
        [BASE_PYTHON, "-c", "import ensurepip, venv, sys; assert sys.version_info >= (3, 11)"]
    ).returncode:
        return f"{BASE_PYTHON} is not there, too old, or without venv"
    with _mounts() as mounts:
        try:
            mounts.layer("try")
        except subprocess.CalledProcessError as error:
            return f"no overlays: {error.stderr.decode().strip()}"
    return ""


@dataclass
class _Mounts:
    """A view of the file system of its own, in which layers are mounted; gone with the process that holds it."""

    holder: int
    folder: Path

    def inside(self, *command: object) -> list[str]:
        return ["nsenter", f"--target={self.holder}", "--mount", *map(str, command)]

    def run(self, *command: object) -> None:
        subprocess.run(self.inside(*command), check=True, capture_output=True)

    def layer(self, name: str) -> Path:
        """A writable layer over this machine's root; where it is seen as a whole."""
        upper, work, root = (self.folder / name / part for part in ("upper", "work", "root"))
        self.run("mkdir", "-p", upper, work, root)
        self.run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", root)
        return root


@contextmanager
def _mounts() -> Iterator[_Mounts]:
    folder = Path(tempfile.mkdtemp(prefix="blindfair-container-"))
    holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo; exec sleep inf"],
                              stdout=subprocess.PIPE)  # fmt: skip
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        mounts = _Mounts(holder.pid, folder)
        # Of the same file system as what lies below, an upper layer is refused.
        mounts.run("mount", "-t", "tmpfs", "layers", folder)
        yield mounts
    finally:
        holder.kill()
        holder.wait()
        folder.rmdir()


@dataclass
class Stage:
    """What a stage came to: its files, and what it says about running it."""

    mounts: _Mounts
    root: Path
    said: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH, "HOME": "/root"})
    place: str = "/"

    def run(self, command: str) -> None:
        """Run a step as root. Raises CalledProcessError."""
        words = ["chroot", self.root, "env", "-i", f"--chdir={self.place}", *self._variables()]
        self.mounts.run(*words, "/bin/sh", "-c", command)

    def _variables(self) -> list[str]:
        return [f"{name}={value}" for name, value in self.environment.items()]

    def set(self, text: str) -> None:
        for name, value in (word.split("=", 1) for word in shlex.split(text)):
            self.environment[name] = re.sub(r"\$(\w+)", lambda found: self.environment[found[1]], value)

    def contained(self, arguments: Sequence[object], *, volume: Path, secret: Path) -> list[str]:
        """The command that runs the entry point as the file's head does: read-only, without rights, with a volume."""
        user, _, group = self.said["USER"].partition(":")
        for point in ("/tmp", "/run"):  # noqa: S108 - those of the container
            self.mounts.run("mount", "-t", "tmpfs", "tmpfs", f"{self.root}{point}")
        self.run("mkdir /run/secrets && touch /run/secrets/blindfair-password")
        self.mounts.run("mount", "--bind", secret, f"{self.root}/run/secrets/blindfair-password")
        (kept,) = eval_list(self.said["VOLUME"])
        self.mounts.run("mount", "--bind", volume, f"{self.root}{kept}")
        self.mounts.run("mount", "-o", "remount,ro", self.root)
        return self.mounts.inside(
            "chroot", self.root, "setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs",
            "--bounding-set=-all", "--inh-caps=-all", "env", "-i", f"--chdir={self.place}", *self._variables(),
            *eval_list(self.said["ENTRYPOINT"]), *arguments,
        )  # fmt: skip


def eval_list(text: str) -> list[str]:
    """A list in the JSON form of instructions."""
    return re.findall(r'"([^"]*)"', text)


@contextmanager
def built(file: Path, context: Path) -> Iterator[Stage]:
    """The last stage of a container file. Raises CalledProcessError for a step that fails.

    The base is this machine's own root, and what its archive installs is taken to be there.
    """
    stages: dict[str, Stage] = {}
    with _mounts() as mounts:
        for word, rest in steps_of(file.read_text()):
            if word == "FROM":
                name = rest.partition(" AS ")[2] or "last"
                stage = stages[name] = Stage(mounts, mounts.layer(name))
                for kind in ("dev", "proc"):
                    mounts.run("mount", "--rbind", f"/{kind}", stage.root / kind)
                stage.run(f"ln -sf {BASE_PYTHON} /usr/local/bin/python")
            elif word == "RUN" and "apt-get" not in rest:
                stage.run(rest)
            elif word == "COPY":
                *sources, target = rest.split()
                above = context
                if sources[0].startswith("--from="):
                    above = stages[sources.pop(0).partition("=")[2]].root
                place = f"{stage.root}{Path(stage.place) / target}"
                for source in sources:
                    mounts.run("sh", "-ec", COPY, "copy", f"{above}/{source}", place)
            elif word == "WORKDIR":
                stage.place = rest
                mounts.run("mkdir", "-p", f"{stage.root}{rest}")
            elif word == "ENV":
                stage.set(rest)
            else:
                stage.said[word] = rest
        yield stages["last"]


def end(process: "subprocess.Popen[bytes]", number: signal.Signals = signal.SIGTERM) -> int:
    """Send a signal to a contained program, and return its exit code."""
    process.send_signal(number)
    return process.wait(60)
