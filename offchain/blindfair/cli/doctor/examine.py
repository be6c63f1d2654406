"""What `blindfair doctor` does: every check in turn, a line each, whatever the others found."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import blindfair
from blindfair.agents.messaging.mail_store import is_store_url
from blindfair.api.connection import mail_place, read_deployment
from blindfair.api.listing_options import ListingOptions
from blindfair.chain.deployment import Deployment
from blindfair.cli.buyer.settings import BuyerOptions
from blindfair.cli.doctor.base_models import base_model_folders, look_at_base_model
from blindfair.cli.doctor.chain import look_at_node
from blindfair.cli.doctor.costs import look_at_costs
from blindfair.cli.doctor.finding import Finding, findings
from blindfair.cli.doctor.folders import look_at_directory, look_at_mail
from blindfair.cli.doctor.machine import (
    look_at_disk,
    look_at_kernel,
    look_at_packages,
    look_at_python,
    package_versions,
)
from blindfair.cli.doctor.service import look_at_service, look_at_store
from blindfair.cli.flags import with_flags
from blindfair.cli.output import Output
from blindfair.cli.party.begun import SETTINGS, is_begun
from blindfair.cli.party.settings import BegunSettings, load
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import BlindfairError


def examine(
    rpc: str | None,
    deployment_file: Path | None,
    directory: Path | None,
    mail: str | None,
    at: str | None,
    output: Output,
    *,
    measure: bool = False,
    base_model: Path | None = None,
) -> bool:
    """Look at everything, show it as it is found, and return whether all of it is good.

    What is not named is taken from the directory, if something was begun there. With `measure` the machine's cost model
    is measured and kept. Raises FileMissing and MalformedFile for the deployment file.
    """
    deployment = None if deployment_file is None else read_deployment(deployment_file)
    found = []
    for finding in _all(rpc, deployment, directory, mail, at, measure=measure, base_model=base_model):
        found.append(finding)
        _show(finding, output)
    ok = all(finding.ok for finding in found)
    output.document(
        {
            "checks": [finding.to_document() for finding in found],
            "ok": ok,
            "packages": dict(package_versions()),
            "version": blindfair.__version__,
        }
    )
    return ok


def _all(
    rpc: str | None,
    deployment: Deployment | None,
    directory: Path | None,
    mail: str | None,
    at: str | None,
    *,
    measure: bool,
    base_model: Path | None,
) -> Iterator[Finding]:
    yield from look_at_python()
    yield from look_at_packages()
    yield from look_at_kernel()
    yield from look_at_costs(measure=measure)
    settings: BegunSettings[ListingOptions] | BegunSettings[BuyerOptions] | None = None
    if directory is not None and is_begun(directory):
        try:
            settings = _loaded(directory)
        except BlindfairError as error:
            yield Finding("folder", False, with_flags(error.what), with_flags(error.hint))
    folder, store = mail_place(mail)
    if settings is not None:
        if mail is None:
            at = at or settings.at
        rpc, deployment = rpc or settings.rpc, deployment or settings.deployment
        folder = settings.mail if mail is None else folder
    yield from look_at_disk({"this directory": Path.cwd()} if directory is None else {"the directory": directory})
    if directory is not None:
        yield from findings("folder", lambda: look_at_directory(directory, settings))
    named = () if base_model is None else (base_model,)
    for model in (*named, *(() if settings is None else base_model_folders(settings.options))):
        yield from look_at_base_model(model)
    if folder is not None:
        yield from findings("mail", lambda: look_at_mail(folder))
    for url in filter(is_store_url, filter(None, (store, at))):
        yield from findings("mail", partial(look_at_store, url))
    if at is not None and not is_store_url(at):
        yield from findings("service", lambda: look_at_service(at, deployment))
    if rpc is not None:
        yield from findings("node", lambda: look_at_node(rpc, deployment))


def _loaded(directory: Path) -> BegunSettings[ListingOptions] | BegunSettings[BuyerOptions]:
    """The settings of whose directory it says it is; what it says is judged by `load`. Raises what `load` raises."""
    try:
        role = json_value((directory / SETTINGS).read_bytes())["role"]
    except (OSError, ValueError, TypeError, KeyError):
        role = None
    return load(directory, BuyerOptions) if role == BuyerOptions.ROLE else load(directory, ListingOptions)


def _show(finding: Finding, output: Output) -> None:
    style = "" if finding.ok else "red"
    output.lines.item("ok" if finding.ok else "wrong", f"{finding.check}: {finding.found}", style=style)
    if finding.hint and not finding.ok:
        output.lines.item("hint", finding.hint)
