"""Structured logs: one JSON object a line, with the request id where there is one, in a file that is cut at 16 MB.

No record holds a token, a secret or a request's body.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import shutil
import traceback
from pathlib import Path

import msgspec

_PLAIN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}
_MAX_BYTES = 16_000_000
_KEEP = 4


class JsonLines(logging.Formatter):
    """A record as one line of JSON; what was passed as `extra` stands beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, object] = {
            "at": round(record.created, 3),
            "level": record.levelname.lower(),
            "room": record.name,
            "message": record.getMessage(),
        }
        line |= {k: v for k, v in vars(record).items() if k not in _PLAIN}
        if record.exc_info is not None and record.exc_info[1] is not None:
            line["trace"] = "".join(traceback.format_exception(record.exc_info[1]))
        return msgspec.json.encode(line, enc_hook=str).decode()


def trim(log: Path, most_bytes: int = _MAX_BYTES) -> bool:
    """Move what a child wrote aside to `log.1` once it is long; True if it was.

    The child goes on writing into the same open file, at its new end: it was opened for appending.
    """
    try:
        if log.stat().st_size <= most_bytes:
            return False
        aside = log.with_name(f"{log.name}.1")
        shutil.copyfile(log, aside.with_name(f".{aside.name}"))
        aside.with_name(f".{aside.name}").replace(aside)
        os.truncate(log, 0)
    except OSError:
        return False  # a full disk, or a log that somebody took away; the next round tries again
    return True


def begin_logs(folder: Path, name: str, level: str) -> None:
    """Write this process' log to `folder/name.log`, warnings and worse of others' libraries included."""
    handler = logging.handlers.RotatingFileHandler(
        folder / f"{name}.log", maxBytes=_MAX_BYTES, backupCount=_KEEP, encoding="utf-8"
    )
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("modelyard").setLevel(level.upper())
