"""What the registry speaks of: models, their immutable versions, aliases and their moves, files, scans, cards.

Times are milliseconds since the Unix epoch. A version's ref is `model:<name>@<number>`, an alias's
`model:<name>@<alias>`. This module checks nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref

ModelName = Annotated[
    str,
    Meta(
        pattern=r"^(?!\.{1,2}$)[^/:\x00-\x1f\x7f]+$",
        min_length=1,
        max_length=250,
        description="any characters but `/`, `:` and control characters; not `.` or `..`",
    ),
]
"""What a registered model may be called; as wide as MLflow's clients expect it."""

AliasName = Annotated[
    str,
    Meta(
        pattern=r"^(?![lL][aA][tT][eE][sS][tT]$)(?![vV]?[0-9]+$)[A-Za-z0-9_\-]+$",
        min_length=1,
        max_length=250,
        description="letters, digits, `_` and `-`; not `latest`, a number, or `v` and a number",
    ),
]
"""What an alias may be called."""

Moment = Annotated[
    str,
    Meta(
        min_length=1, max_length=40, description="a moment, e.g. `2026-05-03T14:00` (UTC), or milliseconds since 1970"
    ),
]
VersionNumber = Annotated[int, Meta(ge=1, le=2**31 - 1, description="the number of a version, counted from 1")]
Text = Annotated[str, Meta(max_length=20_000, description="free text, at most 20,000 characters")]
LongText = Annotated[str, Meta(max_length=400_000, description="Markdown, at most 400,000 characters")]
Source = Annotated[
    str, Meta(min_length=1, max_length=2048, description="where a version's files come from, see `register`")
]
Tags = dict[str, str]


class VersionStatus(StrEnum):
    """How far a version has come."""

    PENDING = "PENDING_REGISTRATION"
    READY = "READY"
    FAILED = "FAILED_REGISTRATION"


class ModelStage(StrEnum):
    """MLflow's older way to mark a version; aliases and proposals are ours."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


class Verdict(StrEnum):
    """What the scan of a version's files found, before anything loads them."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    NO_PICKLE = "no_pickle"
    NO_FILES = "no_files"
    UNSCANNED = "unscanned"

    @property
    def may_load(self) -> bool:
        """True if loading the files runs nothing that is not on the allow-list."""
        return self in (Verdict.SAFE, Verdict.NO_PICKLE)


class Finding(Struct, frozen=True, kw_only=True):
    """One reason why a file is not safe to load.

    Attributes:
        path: the file, and where it lies in an archive: `model/data.pkl`, `weights.zip!archive/data.pkl`.
        what: the offending name or operation, e.g. `os.system`.
    """

    path: str
    what: str
    why: str


class Scan(Struct, frozen=True, kw_only=True):
    """The verdict on a version's files.

    Attributes:
        pickles: how many streams of pickle opcodes were walked.
        rules: the edition of the allow-list that judged.
    """

    verdict: Verdict
    pickles: int = 0
    findings: tuple[Finding, ...] = ()
    rules: int = 0


class Field(Struct, frozen=True, kw_only=True):
    """One input, output or param of a signature, in MLflow's words for types."""

    name: str = ""
    type: str = ""
    required: bool = True
    shape: tuple[int, ...] = ()


class Signature(Struct, frozen=True, kw_only=True):
    """What a model takes and gives."""

    inputs: tuple[Field, ...] = ()
    outputs: tuple[Field, ...] = ()
    params: tuple[Field, ...] = ()


class VersionFile(Struct, frozen=True, kw_only=True):
    """A file of a version: its path, the SHA-256 of its bytes, and how many they are."""

    path: str
    digest: str
    size_bytes: int


class Rules(Struct, frozen=True, kw_only=True):
    """What a model asks of every version.

    Attributes:
        signature: it is registered only if its inputs and outputs are known.
        signed: it is served only with a valid signature by a trusted key.
        no_pickle: it is registered only if it holds no pickle.
    """

    signature: bool = False
    signed: bool = False
    no_pickle: bool = False


class Model(Struct, frozen=True, kw_only=True):
    """A registered model.

    Attributes:
        aliases: alias -> version.
        last_version: the highest number ever given, 0 before the first version.
        needs_proposal: True if aliases and the stage Production move by merged proposals only.
        rules: what it asks of every version.
    """

    name: str
    description: str = ""
    tags: Tags = {}
    aliases: dict[str, int] = {}
    last_version: int = 0
    needs_proposal: bool = False
    rules: Rules = Rules()
    created_ms: int = 0
    updated_ms: int = 0
    created_by: ActorId = ActorId("")


class Inferred(StrEnum):
    """Who said what a version takes and gives."""

    FILES = "files"
    ONNX = "onnx"
    EXAMPLE = "example"
    NOBODY = ""


class ModelVersion(Struct, frozen=True, kw_only=True):
    """A version of a model: its files never change, what is said about it may.

    Attributes:
        source: where it came from, as it was named at registration.
        storage: the same place as an `mlflow-artifacts:` address; equal to `source` where it had no files.
        digest: SHA-256 over the sorted paths, digests and sizes of its files.
        flavours: MLflow's flavours, e.g. `python_function`, `sklearn`.
        signature_by: who said the signature: its `MLmodel`, its ONNX graph, or the types of its input example.
        advice: what would be safer or better known; empty where nothing is amiss.
        requirements: packages that its files ask for, one a line of `requirements.txt`.
        python: the version of Python that they ask for.
        example: path of its input example among its files.
        licence: as its `MLmodel`, its tag `licence` or its licence file names it.
        commit: the code that its run ran, if it said so.
        signers: names of the keys that signed it; `verify` says whether that holds.
        reads: refs that its run read: tables, training sets.
        served: True if a form for serving is attached.
    """

    name: str
    version: int
    source: str
    storage: str = ""
    run: str | None = None
    logged_model: str | None = None
    run_link: str = ""
    description: str = ""
    tags: Tags = {}
    aliases: tuple[str, ...] = ()
    stage: ModelStage = ModelStage.NONE
    status: VersionStatus = VersionStatus.READY
    status_message: str = ""
    digest: str = ""
    size_bytes: int = 0
    files: int = 0
    flavours: tuple[str, ...] = ()
    signature: Signature | None = None
    signature_by: Inferred = Inferred.NOBODY
    scan: Scan = Scan(verdict=Verdict.NO_FILES)
    advice: str = ""
    requirements: tuple[str, ...] = ()
    python: str = ""
    example: str = ""
    licence: str = ""
    commit: str = ""
    signers: tuple[str, ...] = ()
    reads: tuple[Ref, ...] = ()
    served: bool = False
    created_ms: int = 0
    updated_ms: int = 0
    created_by: ActorId = ActorId("")


class AliasMove(Struct, frozen=True, kw_only=True):
    """An alias came to point somewhere else.

    Attributes:
        version: where it points since then; None: it was taken away.
        before: where it pointed until then; None: it was new.
        proposal: number of the merged proposal that moved it; None for a direct move.
        approvers: who had approved that proposal.
        until_ms: when the next move ended this one; None while it stands.
    """

    name: str
    alias: str
    version: int | None
    before: int | None
    at_ms: int
    actor: ActorId
    proposal: int | None = None
    approvers: tuple[ActorId, ...] = ()
    until_ms: int | None = None


class StageMove(Struct, frozen=True, kw_only=True):
    """A version came to another of MLflow's stages.

    Attributes:
        until_ms: when the version's next move ended this one; None while it stands.
    """

    name: str
    version: int
    stage: ModelStage
    before: ModelStage
    at_ms: int
    actor: ActorId
    until_ms: int | None = None


class ServingForm(Struct, frozen=True, kw_only=True):
    """A version compiled for serving: the files of a model folder, as the data plane reads it."""

    name: str
    version: int
    files: tuple[VersionFile, ...]
    made_ms: int
    made_by: ActorId


class ModelCard(Struct, frozen=True, kw_only=True):
    """A model's card, one edition of it.

    Attributes:
        edition: counted from 1; 0 for a draft that nobody has kept.
        version: the version that it describes, if one.
    """

    name: str
    edition: int
    text: str
    version: int | None = None
    at_ms: int = 0
    author: ActorId = ActorId("")
