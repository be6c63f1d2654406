"""`blindfair account`: accounts in encrypted keystores. Never a key in what it prints."""

from pathlib import Path

import typer

from blindfair.cli.options import JsonFile, KeystoreFile, PasswordFile
from blindfair.cli.output import Output
from blindfair.protocol.quantities import Address

app = typer.Typer(help="Make and show accounts in encrypted keystores.", rich_markup_mode=None)


@app.command()
def create(keystore: KeystoreFile, password_file: PasswordFile = None, json_file: JsonFile = None) -> None:
    """Make a new account. Back the file up: without it and its password the money of the account is lost."""
    from blindfair.api.keystore import create_keystore
    from blindfair.cli.password import read_password

    output = Output(json_file)
    _tell(output, create_keystore(keystore, read_password(password_file, keystore, twice=True)), keystore)


@app.command()
def show(keystore: KeystoreFile, password_file: PasswordFile = None, json_file: JsonFile = None) -> None:
    """Print the address of a keystore.

    A password is needed only where the file names no address, or to compare the address with the key's.
    """
    from blindfair.api.keystore import address_of, unlock
    from blindfair.cli.password import read_password

    output = Output(json_file)
    address = address_of(keystore)
    if address is None or password_file is not None:
        why = "the keystore names no address" if address is None else ""
        address = Address(unlock(keystore, read_password(password_file, keystore, why=why)).address.lower())
    _tell(output, address, keystore)


def _tell(output: Output, address: Address, keystore: Path) -> None:
    output.lines.item("account", f"{address} in {keystore}")
    output.document({"address": address, "keystore": str(keystore)})
