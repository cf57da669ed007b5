"""One day: what every step of it shares."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from modelyard.app.demo.config import DayConfig
from modelyard.app.demo.hook import Hook
from modelyard.app.demo.input import Parts
from modelyard.app.demo.narrator import Narrator
from modelyard.app.demo.traffic import Caller, Sent
from modelyard.features.api import Labels, Selected, TrainingSpec
from modelyard.features.api.records import EpochUnit
from modelyard.kernel.errors import Internal
from modelyard.kernel.refs import Ref
from modelyard.sdk.authoring import AuthoredFlow
from modelyard.sdk.hub import Yard
from modelyard.sdk.remote import HttpTransport

_FLOW = "training_flow.py"


def project_file() -> Path:
    """The user's flow that the day trains with: in the package where it is installed, else among the examples.

    Raises:
        Internal: it is in neither place.
    """
    here = Path(__file__).parent
    for folder in (here / "project", here.parents[3] / "examples" / "training"):
        if (folder / _FLOW).is_file():
            return folder / _FLOW
    raise Internal("the demo's training flow is missing from this installation; install modelyard anew")


class Day:
    """What is known so far; each step reads and adds to it."""

    def __init__(
        self, config: DayConfig, parts: Parts, yard: Yard, tell: Narrator, *, folder: Path, source: str
    ) -> None:
        self.config = config
        self.parts = parts
        self.yard = yard
        self.tell = tell
        self.folder = folder
        self.source = source
        self.table_version = 0
        self.candidates: list[dict[str, Any]] = []
        self.flow_runs: list[str] = []
        self.reviewer = ""
        self.address = ""
        self._caller: Caller | None = None
        self._open: list[Yard] = []
        self.morning: list[Sent] = []
        self.newcomer: dict[str, Any] = {}
        self.last = ""
        self._hook: Hook | None = None

    @property
    def caller(self) -> Caller:
        """The application's connection to the model server."""
        if self._caller is None:
            raise Internal("nothing is deployed yet")
        return self._caller

    @caller.setter
    def caller(self, caller: Caller) -> None:
        self._caller = caller

    @property
    def hook(self) -> Hook:
        """The webhook that alerts come to."""
        if self._hook is None:
            raise Internal("nobody listens for alerts yet")
        return self._hook

    @hook.setter
    def hook(self, hook: Hook) -> None:
        self._hook = hook

    def reviewer_yard(self) -> Yard:
        """The yard as the reviewer sees it."""
        transport = HttpTransport(self.address, self.reviewer)
        self._open.append(Yard(transport, close=transport.close))
        return self._open[-1]

    def close(self) -> None:
        """Close what the day opened."""
        if self._caller is not None:
            self._caller.close()
        if self._hook is not None:
            self._hook.close()
        for yard in self._open:
            yard.close()

    def epoch_ms(self) -> str:
        """SQL for the row's time in milliseconds since 1970."""
        column = f'"{self.config.time}"'
        kind = {c.name: c.type for c in self.yard.lake.table(self.config.table).columns}[self.config.time]
        if kind in ("timestamp", "date"):
            return f"epoch_ms({column}::timestamp)"
        factor = {"s": "* 1000", "ms": "", "us": "// 1000"}[self.config.epoch_unit]
        return f"({column}::bigint {factor})"

    def query(self, sql: str) -> Any:
        """The answer of a query over the lake, as an Arrow table."""
        import pyarrow as pa

        return pa.ipc.open_stream(io.BytesIO(b"".join(self.yard.lake.sql(sql)))).read_all()

    def entity_to_forget(self) -> str:
        """An entity that many rows are about, and whose name is no part of another's.

        If it were, a search for its bytes would rightly find the other one.
        """
        column = self.config.entity
        counted = self.query(
            f'select "{column}" as who, count(*) as n from "{self.config.table}" where "{column}" is not null '
            "group by all order by n desc, who"
        ).to_pylist()
        names = [str(row["who"]) for row in counted]
        for name in names[len(names) // 4 :] + names:
            if not any(name in other for other in names if other != name):
                return name
        return names[-1]

    def row_of_entity(self) -> Ref:
        """The ref of one source row about the entity that will be forgotten."""
        import pyarrow as pa

        who = self.entity_to_forget().replace("'", "''")
        where = f"\"{self.config.entity}\" = '{who}'"
        raw = b"".join(self.yard.lake.rows(self.config.table, where=where, limit=1, provenance=True))
        row = pa.ipc.open_stream(raw).read_all().to_pylist()[0]
        return Ref(f"row:{row['_load']}/{row['_row']}")

    def training_spec(self, version: int) -> TrainingSpec:
        """What a training set over a version of the table is made of."""
        config = self.config
        columns = [Selected(name=n) for n in (*config.numbers, *config.words)]
        columns += [Selected(name=d.name, expression=d.expression) for d in config.derived]
        columns.append(Selected(name=config.label.name, expression=config.label.expression))
        labels = Labels(
            table=config.table, at=str(version), time=config.time, columns=tuple(columns),
            epoch_unit=EpochUnit(config.epoch_unit), where=f"({config.label.expression}) is not null",
        )  # fmt: skip
        return TrainingSpec(labels=labels, views=(config.view,), at={config.table: str(version)})

    @property
    def numbers(self) -> list[str]:
        """The model's numeric inputs: as they stand in the file, derived, and from the view."""
        config = self.config
        windows = [f"{config.view}__{w.name}" for w in config.windows]
        return [*config.numbers, *(d.name for d in config.derived), *windows]

    def flow_spec(self) -> str:
        """The parameter of the training flows, as JSON text."""
        config = self.config
        spec: dict[str, Any] = {
            "name": config.training_set,
            "training": msgspec.to_builtins(self.training_spec(self.table_version)),
            "numbers": self.numbers,
            "words": list(config.words),
            "label": config.label.name,
            "group": config.group,
            "experiment": config.model,
        }
        return msgspec.json.encode(spec).decode()

    def project(self) -> ModuleType:
        """The user's module of flows, imported from the project folder."""
        file = self.folder / _FLOW
        if "training_flow" in sys.modules and file.exists():
            return sys.modules["training_flow"]
        file.write_bytes(project_file().read_bytes())
        under_git(self.folder)
        spec = spec_from_file_location("training_flow", file)
        if spec is None or spec.loader is None:
            raise Internal(f"{file} cannot be imported")
        module = module_from_spec(spec)
        sys.modules["training_flow"] = module
        spec.loader.exec_module(module)
        return module

    def flow(self, name: str) -> AuthoredFlow[..., Any]:
        """One of the user's flows."""
        found: AuthoredFlow[..., Any] = getattr(self.project(), name)
        return found


def under_git(folder: Path) -> None:
    """Put a project under version control, as a user's would be; without git it stays a plain folder."""
    me = ("-c", "user.name=demo", "-c", "user.email=demo@localhost")
    for words in (("init", "-q"), ("add", "-A"), (*me, "commit", "-q", "-m", "A flow that trains two candidates")):
        try:
            subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=True, timeout=20)
        except (OSError, subprocess.SubprocessError):
            return


def chunks(text: str, size: int = 1 << 18) -> Iterator[bytes]:
    """A text as the chunks of an upload."""
    raw = text.encode()
    for start in range(0, len(raw), size):
        yield raw[start : start + size]
