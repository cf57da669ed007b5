"""The notebook as it is being executed: each cell with what it printed, showed, gave and ended in.

Jupyter keeps a notebook in the browser and writes it when it likes, so the kernel notes for itself. Streams and
displays are heard where ipykernel lets one listen; in a plain shell only results are kept.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from functools import partial
from typing import Any

_MOST_TEXT = 1 << 20


class Session:
    """One session.

    Args:
        shell: IPython's.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._cells: list[dict[str, Any]] = []
        self._outputs: list[dict[str, Any]] = []
        self._inner: list[Any] = []
        self._earlier(shell)
        with suppress(AttributeError):  # ipykernel's can be listened to, others not
            shell.display_pub.register_hook(self._hear)
        for stream in (sys.stdout, sys.stderr):
            sends = getattr(stream, "pub_thread", None)
            if sends is not None:  # hooks are of the thread that sends
                sends.schedule(partial(stream.register_hook, self._hear))  # type: ignore[union-attr]  # as ipykernel has it

    def _earlier(self, shell: Any) -> None:
        """Cells that ran before this one was loaded; their outputs are gone."""
        said = list(getattr(shell, "user_ns", {}).get("In", []))
        for number, source in enumerate(said[1:-1], 1):
            self._cells.append(_cell(str(source), number, []))

    def note_result(self, result: Any) -> None:
        """Remember what a cell within a cell ended in; its own closing is not that of the whole cell."""
        self._inner.append(result)

    def close(self, result: Any) -> bool:
        """Take in what a cell ended in; False if it was a cell within one."""
        if any(result is each for each in self._inner) or not getattr(result.info, "store_history", True):
            self._result(result)
            return False
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self._result(result)
        self._cells.append(_cell(result.info.raw_cell, result.execution_count, self._outputs))
        self._outputs, self._inner = [], []
        return True

    def say(self, text: str) -> None:
        """Tell the reader of the notebook something."""
        sys.stderr.write(text)

    def notebook(self) -> bytes:
        """The notebook so far, in Jupyter's format 4.5."""
        told = {
            "cells": self._cells, "nbformat": 4, "nbformat_minor": 5,
            "metadata": {
                "language_info": {"name": "python", "version": ".".join(map(str, sys.version_info[:3]))},
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            },
        }  # fmt: skip
        return json.dumps(told, ensure_ascii=False, indent=1, default=str).encode("utf-8", "replace")

    def _hear(self, message: dict[str, Any]) -> dict[str, Any]:
        """Note a message on its way to the notebook, and let it pass."""
        content, kind = message.get("content", {}), message.get("msg_type", message.get("header", {}).get("msg_type"))
        if kind == "stream":
            self._stream(str(content.get("name", "stdout")), str(content.get("text", "")))
        elif kind == "display_data":
            data, metadata = content.get("data", {}), content.get("metadata", {})
            self._outputs.append({"output_type": "display_data", "data": data, "metadata": metadata})
        return message

    def _stream(self, name: str, text: str) -> None:
        last = self._outputs[-1] if self._outputs else {}
        if last.get("output_type") == "stream" and last.get("name") == name:
            last["text"] = (last["text"] + text)[-_MOST_TEXT:]
        else:
            self._outputs.append({"output_type": "stream", "name": name, "text": text[-_MOST_TEXT:]})

    def _result(self, result: Any) -> None:
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            name, value = type(error).__name__, str(error)
            told = {"output_type": "error", "ename": name, "evalue": value, "traceback": [f"{name}: {value}"]}
            self._outputs.append(told)
        elif result.result is not None:
            data, metadata = self._shell.display_formatter.format(result.result)
            count = result.execution_count or self._shell.execution_count
            self._outputs.append(
                {"output_type": "execute_result", "execution_count": count, "data": data, "metadata": metadata}
            )


def _cell(source: str, number: int | None, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "cell_type": "code", "id": f"cell-{number or 0}", "metadata": {}, "source": source,
        "execution_count": number, "outputs": outputs,
    }  # fmt: skip
