"""What the layers below tell while a command waits, as lines on standard error."""

import logging
import sys

_ROOT = "blindfair"


class _Notices(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Print one line, where standard error is at that moment."""
        print(f"  waits   {record.getMessage()}", file=sys.stderr)


def show_notices() -> None:
    """Show warnings of this program from here on, once each however often this is called."""
    logger = logging.getLogger(_ROOT)
    if not any(isinstance(handler, _Notices) for handler in logger.handlers):
        logger.addHandler(_Notices(logging.WARNING))
