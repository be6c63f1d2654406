"""`scripts/environment`: an environment is made once, made anew when it is half or elsewhere, and never mistaken.

The real script with real environments and pip, in a checkout of a package of the same name without dependencies: what
is tested is the script, not the network.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from interruptible import interruptible

SCRIPTS = Path(__file__).parents[2] / "scripts"

PROJECT = """[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "blindfair"
version = "1"
optional-dependencies = { dev = [] }
"""

BACKEND = '''"""Builds an editable wheel with the standard library alone; fails where a file says so."""
import pathlib, time, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    if pathlib.Path("broken").exists():
        raise SystemExit("no network, say")
    while pathlib.Path("slow").exists():
        pathlib.Path("started").touch()
        time.sleep(0.05)
    info = "blindfair-1.dist-info"
    with zipfile.ZipFile(pathlib.Path(folder) / "blindfair-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("blindfair.pth", str(pathlib.Path("src").absolute()))
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: blindfair\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\\nblindfair = blindfair.cli.demo.demo:main\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return "blindfair-1-py3-none-any.whl"
'''

MODULES = {
    "blindfair/cli/demo/demo.py": "import sys\ndef main():\n    print('demo', *sys.argv[1:])\n",
    "blindfair/influence/models.py": "def record_gradients(*_):\n    pass\n",
    "numpy.py": "def ones(_):\n    pass\n",
}


@pytest.fixture(scope="module")
def quickly(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables with which an environment borrows the pip of this one, instead of ten seconds for its own."""
    folder = tmp_path_factory.mktemp("quickly")
    pip = pytest.importorskip("pip")
    shutil.copytree(Path(pip.__file__).parent, folder / "borrowed" / "pip")
    python = folder / "python"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in "-m venv "*) set -- -m venv --without-pip "$3";; esac\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    # Nor does it ask any index: a package index that has no newer pip must not keep anybody out.
    return {"PYTHON": str(python), "PYTHONPATH": str(folder / "borrowed"), "PIP_NO_INDEX": "1"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, quickly: dict[str, str]) -> Path:
    """A checkout whose path holds blanks, with its environment made by the first run of the demo."""
    root = tmp_path_factory.mktemp("some where") / "the check out"
    for name, text in {"pyproject.toml": PROJECT, "backend.py": BACKEND}.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for name, text in MODULES.items():
        path = root / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copytree(SCRIPTS, root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    first = demo(root, "--seed", "a b", cwd=Path("/"), environment=quickly)
    assert first.stdout == "demo demo --seed a b\n", first.stderr
    assert "making the environment" in first.stderr
    assert "going on with the one in .venv" in first.stderr
    return root


def demo(
    root: Path, *arguments: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run scripts/demo with hardly any environment variables."""
    return run_script("demo", root, *arguments, cwd=cwd, environment=environment)


def run_script(
    name: str, root: Path, *arguments: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script of the checkout with hardly any environment variables."""
    base = {each: os.environ[each] for each in ("PATH", "HOME") if each in os.environ}
    return subprocess.run(
        [root / "scripts" / name, *arguments],
        cwd=cwd or root,
        env={**base, "PYTHON": sys.executable, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def came_to_its_end(done: subprocess.CompletedProcess[str]) -> bool:
    return done.returncode == 0 and done.stdout == "demo demo\n"


@pytest.mark.deep
def test_a_second_run_installs_nothing(made: Path, quickly: dict[str, str]) -> None:
    # Whatever would be built now would fail.
    (made / "broken").touch()
    done = demo(made, environment=quickly)
    (made / "broken").unlink()
    assert came_to_its_end(done), done.stderr
    assert done.stderr == ""


@pytest.mark.deep
def test_the_first_testnet_says_that_it_installs_more(made: Path, quickly: dict[str, str]) -> None:
    first, second = (run_script("testnet", made, environment=quickly) for _ in range(2))
    assert first.stdout == second.stdout == "demo testnet\n", first.stderr
    assert first.stderr.startswith("installing the development tools: about a minute\n")
    assert "installing" not in second.stderr


@pytest.mark.deep
@pytest.mark.parametrize("changed", ["pyproject.toml", "offchain/blindfair/blind/native/sums.c"])
def test_a_changed_project_is_installed_again(changed: str, made: Path, quickly: dict[str, str]) -> None:
    """What is compiled, too: with an older kernel everything works, slowly."""
    stamp = made / ".venv" / ".blindfair"
    before = stamp.read_text()
    (made / changed).parent.mkdir(parents=True, exist_ok=True)
    (made / changed).write_text(PROJECT + "# changed\n")
    done = demo(made, environment=quickly)
    assert came_to_its_end(done), done.stderr
    assert stamp.read_text() != before
    assert "anew" not in done.stderr


@pytest.mark.deep
def test_a_failed_installation_says_so_and_is_tried_again(made: Path, quickly: dict[str, str]) -> None:
    (made / "pyproject.toml").write_text(PROJECT + "# changed again\n")
    (made / "broken").touch()
    failed = demo(made, environment=quickly)
    (made / "broken").unlink()
    assert failed.returncode == 1
    assert "error: the packages could not be installed" in failed.stderr
    assert "no network, say" in failed.stderr
    assert failed.stdout == ""
    again = demo(made, environment=quickly)
    assert came_to_its_end(again), again.stderr
    assert "anew" not in again.stderr


def test_two_installations_at_once_are_refused(made: Path, quickly: dict[str, str]) -> None:
    busy = made / ".venv" / ".blindfair-busy"
    busy.write_text(str(os.getpid()))
    done = demo(made, environment=quickly)
    busy.unlink()
    assert done.returncode == 1
    assert f"error: process {os.getpid()} is installing" in done.stderr


@pytest.mark.deep
def test_an_environment_without_pip_gets_one(made: Path) -> None:
    # The first environment has none of its own, and now nobody lends it one.
    (made / "pyproject.toml").write_text(PROJECT + "# without pip\n")
    done = demo(made)
    assert came_to_its_end(done), done.stderr
    assert len(list((made / ".venv" / "lib").glob("python*/site-packages/pip"))) == 1


@pytest.mark.deep
def test_a_checkout_that_was_moved_gets_another_environment(
    made: Path, tmp_path: Path, quickly: dict[str, str]
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(made, moved, symlinks=True)
    done = demo(moved, environment=quickly)
    assert came_to_its_end(done), done.stderr
    assert f"was made for {made}" in done.stderr
    assert (moved / ".venv" / ".blindfair-home").read_text() == str(moved)


def test_an_environment_that_is_linked_is_left_alone(made: Path, tmp_path: Path, quickly: dict[str, str]) -> None:
    other = tmp_path / "other"
    shutil.copytree(made, other, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
    (other / ".venv").symlink_to(made / ".venv")
    done = demo(other, environment=quickly)
    assert done.returncode == 1
    assert ".venv is a link" in done.stderr and "hint" in done.stderr
    assert (other / ".venv").is_symlink() and (made / ".venv" / ".blindfair-home").read_text() == str(made)


@pytest.mark.deep
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_what_was_interrupted_is_made_anew(sent: signal.Signals, made: Path, quickly: dict[str, str]) -> None:
    venv, slow, started = made / ".venv", made / "slow", made / "started"
    (made / "pyproject.toml").write_text(PROJECT + f"# until {sent.name}\n")
    slow.touch()
    # In a group of its own, as a terminal has one: Ctrl-C reaches pip as well.
    script = subprocess.Popen(
        interruptible(made / "scripts" / "demo"),
        env=os.environ | quickly,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while script.poll() is None and not started.exists():
        time.sleep(0.02)
    os.killpg(script.pid, sent)
    assert script.wait() in (130, -signal.SIGKILL)
    slow.unlink()
    started.unlink()
    (venv / "half").touch()
    done = demo(made, environment=quickly)
    assert came_to_its_end(done), done.stderr
    assert "was interrupted" in done.stderr
    assert not (venv / "half").exists()
    assert not (venv / ".blindfair-busy").exists()


@pytest.mark.deep
def test_an_environment_whose_python_is_gone_is_made_anew(made: Path, quickly: dict[str, str]) -> None:
    python = made / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python3")
    done = demo(made, environment=quickly)
    assert came_to_its_end(done), done.stderr
    assert "no working Python" in done.stderr


# --- no Python that serves -----------------------------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout without an environment."""
    shutil.copytree(SCRIPTS, tmp_path / "bare" / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "bare" / "pyproject.toml").write_text(PROJECT)
    return tmp_path / "bare"


def tools(folder: Path, python: str) -> str:
    """A PATH with what the script needs of the system and the given program as `python3`."""
    folder.mkdir()
    for name in ("bash", "cat", "cksum", "cp", "dirname", "env", "rm"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    (folder / "python3").write_text(python)
    (folder / "python3").chmod(0o755)
    return str(folder)


def test_an_old_python_is_refused(bare: Path, tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", "#!/bin/sh\nexit 1\n")
    done = demo(bare, environment={"PATH": path, "PYTHON": ""})
    assert done.returncode == 1
    assert "error: blindfair needs Python 3.11 or newer" in done.stderr
    assert not (bare / ".venv").exists()


def test_a_python_without_venv_is_refused_with_its_cure(bare: Path, tmp_path: Path) -> None:
    # As Debian's without the package python3-venv: everything works but the import of ensurepip.
    without = f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n'
    done = demo(bare, environment={"PATH": tools(tmp_path / "bin", without), "PYTHON": ""})
    assert done.returncode == 1
    assert "error: python3 cannot make environments" in done.stderr
    assert "apt install python3-venv" in done.stderr
    assert not (bare / ".venv").exists()
