"""The worker's entry: settings from the environment, log to standard error, exit code 0 once the end is reported."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from modelyard.app.worker.attempt import AttemptAtRun
from modelyard.kernel.errors import YardError
from modelyard.pipelines.api import FLOW_RUN
from modelyard.sdk.hub import Yard
from modelyard.sdk.remote import HttpTransport

_log = logging.getLogger("modelyard.worker")


def main() -> int:
    """Do the attempt; 0 if its end was reported, whichever it was."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    transport = HttpTransport(os.environ["YARD_ADDRESS"], os.environ["YARD_TOKEN"])
    run = FLOW_RUN.parse(os.environ["YARD_FLOW_RUN"])
    with Yard(transport, close=transport.close) as yard:
        try:
            AttemptAtRun(yard, run, int(os.environ["YARD_FLOW_ATTEMPT"]), folder=Path.cwd()).carry_out()
        except YardError as err:
            _log.error("the attempt broke off: %s", err.detail)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
