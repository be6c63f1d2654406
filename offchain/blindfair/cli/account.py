"""`blindfair account`: accounts in encrypted keystores. Never a key in what it prints."""

from pathlib import Path
from typing import Annotated

import typer

from blindfair.cli.keystore import address_of, create_keystore, read_password
from blindfair.cli.options import JsonFile, PasswordFile
from blindfair.cli.output import Output

app = typer.Typer(help="Make and show accounts in encrypted keystores.", rich_markup_mode=None)

KeystoreFile = Annotated[Path, typer.Option(metavar="FILE", help="The encrypted keystore.")]


@app.command()
def create(keystore: KeystoreFile, password_file: PasswordFile = None, json_file: JsonFile = None) -> None:
    """Make a new account. Back the file up: without it and its password the money of the account is lost."""
    output = Output(json_file)
    address = create_keystore(keystore, read_password(password_file, keystore, twice=True))
    output.lines.item("account", f"{address} in {keystore}")
    output.document({"address": address, "keystore": str(keystore)})


@app.command()
def show(keystore: KeystoreFile, json_file: JsonFile = None) -> None:
    """Print the address of a keystore; needs no password."""
    output = Output(json_file)
    address = address_of(keystore)
    output.lines.item("account", f"{address} in {keystore}")
    output.document({"address": address, "keystore": str(keystore)})
