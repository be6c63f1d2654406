"""The check of a mail folder before anything is begun: its modes, and that it takes mailboxes.

Not here: what the modes mean (`shared_mail`), and what goes wrong with a folder later (`transport`).
"""

import errno
import tempfile
from pathlib import Path

from blindfair.agents.messaging.shared_mail import check_mail_modes, not_yours
from blindfair.agents.store.directory import private_directory
from blindfair.protocol.errors import StateError


def check_mail_folder(root: Path) -> None:
    """Make a mail folder if it is missing, check who may enter it, and make a folder in it for a moment.

    Raises InsecureStore where others may enter it, StateError with the disk's reason, and what `private_directory`
    raises.
    """
    try:
        if not root.is_dir():
            private_directory(root)
        check_mail_modes(root.stat(), root)
        with tempfile.TemporaryDirectory(prefix=".blindfair-", dir=root):
            pass
    except OSError as error:
        is_refused = error.errno in (errno.EACCES, errno.EPERM)
        raise StateError(
            f"The mail folder {root} takes no mailbox",
            expected="a folder that this program can read and write",
            found=error.strerror,
            hint=f"{not_yours(root) if is_refused else 'look at the disk, its space and the permissions'}; "
            "then repeat the command: nothing was begun",
        ) from error
