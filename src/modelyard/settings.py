"""Every knob of a yard, each with one name: as a flag, in the environment and in `modelyard.toml`.

`--port`, `YARD_PORT` and `port = ...` are the same setting; a flag wins over the environment, the environment over the
file in the working folder, that over the file in the home. Nothing else in the house reads the environment.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelyard.kernel.errors import InvalidInput

FILE = "modelyard.toml"
_PREFIX = "YARD_"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be set, with its default."""

    home: Annotated[str, Meta(description="folder that holds everything; moving it moves the yard")] = ".yard"
    host: Annotated[str, Meta(description="address to listen on; others than loopback need TLS or --insecure")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(ge=0, le=65535, description="port of the control process; 0: any free one")] = 8470
    serving_port: Annotated[int, Meta(ge=0, le=65535, description="port of the model server; 0: any free one")] = 0
    database: Annotated[str, Meta(description="postgresql://... ; empty: SQLite in the home")] = ""
    objects: Annotated[str, Meta(description="s3://bucket/prefix ; empty: a folder in the home")] = ""
    bucket_links: Annotated[
        bool, Meta(description="let clients send and fetch files of runs at the bucket, by links that expire")
    ] = True
    tables: Annotated[str, Meta(description="s3://bucket/prefix of the lake's tables; empty: the home")] = ""
    seal: Annotated[
        bool, Meta(description="seal objects, contents of file sets and the quarantine with a key from the secrets")
    ] = False
    online: Annotated[str, Meta(description="redis://... ; empty: LMDB in the home")] = ""
    allow_host: Annotated[
        tuple[str, ...], Meta(description="further names this yard may be called by, separated by commas")
    ] = ()
    tls_cert: Annotated[str, Meta(description="PEM file of the certificate chain")] = ""
    tls_key: Annotated[str, Meta(description="PEM file of the private key")] = ""
    insecure: Annotated[bool, Meta(description="listen beyond loopback without TLS; a proxy in front must add it")] = (
        False
    )
    sync: Annotated[
        str, Meta(pattern="^(full|normal)$", description="full: an answer is on disk; normal: survives kill, not power")
    ] = "full"
    source_folders: Annotated[
        tuple[str, ...],
        Meta(
            description="local folders that sources may read below, and buckets they may read with the yard's own keys"
        ),
    ] = ()
    source_hosts: Annotated[
        tuple[str, ...], Meta(description="the only hosts that sources may dial, separated by commas; empty: any")
    ] = ()
    threads: Annotated[int, Meta(ge=1, le=64, description="worker threads for long reads and work")] = 4
    sink_hosts: Annotated[
        tuple[str, ...],
        Meta(description="hosts, folders and buckets that sinks may write to, separated by commas; empty: none"),
    ] = ()
    webhook_hosts: Annotated[
        tuple[str, ...],
        Meta(description="hosts on this machine that webhooks of the registry may reach, by commas; empty: none"),
    ] = ()
    push_fold_s: Annotated[
        float, Meta(gt=0, le=3600, description="seconds that pushed rows wait before they are folded into their table")
    ] = 5.0
    push_fold_mb: Annotated[
        int, Meta(ge=1, le=1024, description="MiB of pushed rows of one table that are folded without waiting")
    ] = 8
    push_backlog_mb: Annotated[
        int, Meta(ge=1, le=65536, description="MiB of pushed rows that may wait; above it pushes are refused")
    ] = 256
    keep_days: Annotated[
        int, Meta(ge=0, le=36_500, description="days that logs of flow runs and cached step results are kept; 0: ever")
    ] = 90
    log_level: Annotated[str, Meta(pattern="^(debug|info|warning|error)$", description="least level logged")] = "info"

    @property
    def home_path(self) -> Path:
        """The home as an absolute path."""
        return Path(self.home).expanduser().resolve()


def load(
    flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> Settings:
    """The settings in force.

    Args:
        flags: what the command line gave; None values are left out.
        environ: the environment.
        folder: the working folder.

    Raises:
        InvalidInput: an unknown name or a value out of its bounds; the text says where it stands.
    """
    here = folder or Path.cwd()
    given = {k: v for k, v in (flags or {}).items() if v is not None}
    from_environment = _environment(environ or {})
    merged = {**_file(here / FILE), **from_environment, **given}
    home = Path(str(merged.get("home", Settings().home))).expanduser()
    home = home if home.is_absolute() else here / home
    merged = {**_file(home / FILE), **merged, "home": str(home)}
    for name in ("allow_host", "source_folders", "source_hosts", "sink_hosts", "webhook_hosts"):
        if isinstance(merged.get(name), str):
            merged[name] = [h.strip() for h in merged[name].split(",") if h.strip()]
    try:
        return msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as err:
        raise InvalidInput(f"a setting is wrong: {err}; the settings are listed by: yard settings") from err


def _environment(environ: Mapping[str, str]) -> dict[str, Any]:
    names = set(Settings.__struct_fields__)
    found = {k.removeprefix(_PREFIX).lower(): v for k, v in environ.items() if k.startswith(_PREFIX)}
    return {k: v for k, v in found.items() if k in names and v != ""}


def _file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise InvalidInput(f"{path} is no TOML: {err}") from err
