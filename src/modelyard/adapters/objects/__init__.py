"""The objects port answered by a local folder, or by a bucket of S3, Google Cloud Storage or Azure.

The address picks the adapter: a path is a folder, `s3://bucket/prefix`, `gs://...` and `az://...` are buckets.
"""

from __future__ import annotations

from pathlib import Path

from modelyard.ports.objects import Objects


def open_objects(address: str | Path) -> Objects:
    """The object store behind an address; a folder is made if it is missing.

    Raises:
        InvalidInput: the address is of no store known here.
    """
    from modelyard.adapters.objects.folder import FolderObjects

    return FolderObjects(Path(address))
