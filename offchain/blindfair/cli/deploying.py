"""What `blindfair deploy` does: the escrow contract on any chain, at the same address everywhere, safe to run twice."""

from pathlib import Path

from rich.console import Console

from blindfair.api.amounts import show_ether
from blindfair.api.keystore import unlock
from blindfair.chain.artifacts import verification_input
from blindfair.chain.deployment import Deployment
from blindfair.chain.deterministic import (
    complete_deployment,
    creation_block,
    escrow_address,
    is_deployed,
    prepare_deployment,
)
from blindfair.chain.fees import base_fee
from blindfair.chain.node import connect
from blindfair.chain.sender import Sender
from blindfair.cli.lines import Lines
from blindfair.cli.output import Output
from blindfair.cli.password import read_password
from blindfair.cli.targets import check_folder_target, write_folder
from blindfair.cli.verbosity import is_quiet
from blindfair.protocol.errors import MalformedFile
from blindfair.protocol.fields import hex_text
from blindfair.protocol.quantities import BlockNumber


def deploy_contract(
    rpc: str, chain_id: int, keystore: Path, password_file: Path | None, folder: Path, output: Output
) -> None:
    """Deploy or find the contract, and write its files into `folder`. The keystore is opened only to deploy.

    Raises CannotWrite, NodeFailure, InvalidOption for a chain without a base fee, WrongContract, what `unlock` and
    `Sender` raise.
    """
    check_folder_target(folder, "--deployments")
    progress = Lines(Console(stderr=True, quiet=is_quiet()))
    web3 = connect(rpc, chain_id)
    base_fee(web3)
    transaction = None
    if is_deployed(web3):
        progress.item("deploy", f"the contract is at {escrow_address()} already; nothing is sent")
        found = _known_block(folder / f"{chain_id}.json") or creation_block(web3)
        if found is None:
            progress.item("deploy", "the node does not know when it was made: its events are searched from block 0")
        first_block = found or BlockNumber(0)
    else:
        sender = Sender(web3, unlock(keystore, read_password(password_file, keystore)))
        prepared = prepare_deployment(sender)
        progress.item(
            "deploy",
            f"to {escrow_address()}: at most {prepared.gas_limit:,} gas, {show_ether(prepared.max_cost)} ether",
        )
        made = complete_deployment(sender, prepared)
        transaction, first_block = hex_text(made.transaction), made.block_number
    deployment = Deployment.of(web3, escrow_address(), first_block)
    files = {f"{chain_id}.json": deployment.to_bytes(), f"{chain_id}.input.json": verification_input()}
    write_folder(folder, files)
    lines = output.lines
    lines.item("escrow", f"{deployment.address} on chain {chain_id}")
    lines.item("code", f"hash {hex_text(deployment.code_hash)}, compared byte by byte with this version's")
    lines.item("files", ", ".join(str(folder / name) for name in files))
    output.document({**deployment.to_document(), "transaction": transaction})


def _known_block(path: Path) -> BlockNumber | None:
    """Where the search for events may begin, as an earlier file says."""
    try:
        deployment = Deployment.from_bytes(path.read_bytes())
    except (OSError, MalformedFile):
        return None
    return deployment.first_block if deployment.address == escrow_address() else None
