"""A process that does jobs: a line of JSON in, a line of JSON out, until its input ends. Nothing else is read."""

import json
import os
import sys

from blindfair.bulk.jobs import do_job, failure
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import BlindfairError


def main() -> None:
    """Do jobs from the standard input."""
    os.nice(5)
    for line in sys.stdin:
        try:
            result = do_job(json_value(line))
        except (BlindfairError, OSError) as error:
            result = failure(error)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
