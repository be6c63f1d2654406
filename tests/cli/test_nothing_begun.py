"""Without keystore or password nothing is begun: no directory, no settings, no copy of records, no mail folder."""

from pathlib import Path

import pytest
from command import Inside
from local_chain import LocalChain, password
from real_tables import LABEL
from test_operation import begun_seller

from blindfair.cli.seller.manifest_file import kept_manifest
from blindfair.protocol.errors import BlindfairError, FileMissing, InsecureStore, InvalidOption, MalformedFile
from blindfair.protocol.fields import hex_text

ROLES = ("seller", "streaming seller", "buyer")


@pytest.fixture(scope="module")
def offered(testnet: LocalChain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a seller with a listing, and of the table that it lists."""
    home = tmp_path_factory.mktemp("offered")
    begun_seller(home, testnet)
    return home


def beginning(role: str, home: Path, offered: Path, testnet: LocalChain) -> list[object]:
    """The command that begins a directory in `home`, without what names the account."""
    place: list[object] = [
        "--directory", home / "party", "--mail", home / "mail", "--rpc", testnet.url,
        "--deployment", testnet.deployment, "--finality-depth", "0", "--label", LABEL,
    ]  # fmt: skip
    if role == "buyer":
        manifest = kept_manifest(offered / "seller")
        assert manifest is not None
        return [
            "buyer",
            "evaluate",
            *place,
            "--listing",
            hex_text(manifest.listing),
            "--own",
            offered / "offer.csv",
            "--budget",
            "1",
        ]
    terms: list[object] = ["--price-per-record", "0.001", "--licence", "any", "--consent", "public"]
    more = ["--stream"] if role == "streaming seller" else []
    return ["seller", "list", *place, "--records", offered / "offer.csv", *terms, *more]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("content", "error", "told"),
    [(None, FileMissing, "There is no keystore"), ("{", MalformedFile, "keystore")],
    ids=["none", "malformed"],
)
def test_without_a_keystore_nothing_is_begun(
    role: str,
    content: str | None,
    error: type[BlindfairError],
    told: str,
    tmp_path: Path,
    offered: Path,
    testnet: LocalChain,
    inside: Inside,
) -> None:
    (tmp_path / "home").mkdir()
    keystore = tmp_path / "keystore.json"
    if content is not None:
        keystore.write_text(content)
    begin = beginning(role, tmp_path / "home", offered, testnet)
    ended = inside(*begin, "--keystore", keystore, "--password-file", offered / "password")
    ended.failed(error, told)
    assert [*(tmp_path / "home").iterdir()] == []


@pytest.mark.parametrize("role", ROLES)
def test_without_a_password_nothing_is_begun(
    role: str, tmp_path: Path, offered: Path, testnet: LocalChain, inside: Inside
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    begin = [*beginning(role, home, offered, testnet), "--keystore", offered / "seller" / "keystore.json"]
    inside(*begin, "--password-file", tmp_path / "none").failed(FileMissing, "password file")
    password(tmp_path / "shown").chmod(0o644)
    inside(*begin, "--password-file", tmp_path / "shown").failed(InsecureStore, "chmod 600")
    inside(*begin).failed(InvalidOption, "Nobody can be asked", "--password-file")
    assert [*home.iterdir()] == []
