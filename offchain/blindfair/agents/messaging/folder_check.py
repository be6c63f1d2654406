"""Whether a mail folder takes mailboxes, found out before anything is begun.

Not here: the modes of folders (`shared_mail`), and what goes wrong with one later (`transport`).
"""

import errno
import tempfile
from pathlib import Path

from blindfair.agents.messaging.shared_mail import not_yours
from blindfair.agents.store.directory import private_directory
from blindfair.protocol.errors import StateError


def check_mail_folder(root: Path) -> None:
    """Make a mail folder if it is missing, and a folder in it for a moment.

    Raises StateError with the disk's reason, and what `private_directory` raises.
    """
    try:
        if not root.is_dir():
            private_directory(root)
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
