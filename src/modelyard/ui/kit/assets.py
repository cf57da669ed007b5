"""The files that browsers fetch: style sheet, scripts, vendored libraries; served for ever under their content's hash.

The style sheet is the parts of `static/css` in order of their names; scripts are put together by `scripts`. All assets
share one hash, so that scripts can name each other by relative address. Nothing outside `static` can be reached.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from msgspec import Struct

from modelyard.ui.kit import scripts

_FOLDER = Path(__file__).parents[1] / "static"
_MEDIA = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Asset(Struct, frozen=True):
    """A file to send; `packed` is the same under gzip, where that is shorter."""

    body: bytes
    media: str
    packed: bytes = b""


def _packed(body: bytes, media: str) -> Asset:
    packed = gzip.compress(body, 9, mtime=0)
    return Asset(body, media, packed if len(packed) < len(body) else b"")


class Assets(Struct, frozen=True):
    """All files by name, and the hash that stands in their address."""

    files: dict[str, Asset]
    mark: str

    def url(self, name: str) -> str:
        """The address of a file.

        Raises:
            KeyError: there is no such file; a template names it wrongly.
        """
        if name not in self.files:
            raise KeyError(f"no asset {name}")
        return f"/static/{self.mark}/{name}"


def load() -> Assets:
    """Read all assets once."""
    files: dict[str, Asset] = {}
    css = b"\n".join(path.read_bytes() for path in sorted((_FOLDER / "css").glob("*.css")))
    files["yard.css"] = _packed(css, _MEDIA[".css"])
    sources = {path.name: path.read_text("utf-8") for path in (_FOLDER / "js").glob("*.js")}
    for name, text in scripts.joined(sources).items():
        files[f"js/{name}"] = _packed(text.encode(), _MEDIA[".js"])
    for path in sorted((_FOLDER / "vendor").iterdir()):
        if path.suffix in _MEDIA:
            files[f"vendor/{path.name}"] = _packed(path.read_bytes(), _MEDIA[path.suffix])
    files["icon.svg"] = _packed((_FOLDER / "icon.svg").read_bytes(), _MEDIA[".svg"])
    whole = hashlib.sha256()
    for name, asset in sorted(files.items()):
        whole.update(name.encode() + b"\0" + hashlib.sha256(asset.body).digest())
    return Assets(files, whole.hexdigest()[:16])
