"""The objects port answered by a local folder, or by a bucket of S3, Google Cloud Storage or Azure.

The address picks the adapter: a path is a folder, `s3://bucket/prefix`, `gs://...` and `az://...` are buckets. The
library behind buckets is loaded only for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modelyard.adapters.seals.keys import Keyring
from modelyard.kernel.errors import InvalidInput
from modelyard.ports.objects import Objects

BUCKETS = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss")


def open_objects(
    address: str | Path, *, options: Mapping[str, str] | None = None, spool: Path | None = None,
    keys: Keyring | None = None,
) -> Objects:  # fmt: skip
    """The object store behind an address; a folder is made if it is missing, a bucket must exist.

    Args:
        address: a folder's path, or a bucket such as `s3://bucket/prefix`.
        options: for a bucket, e.g. `{"endpoint": "https://minio.example", "region": "eu-1"}`; keys that are not
            given come from the environment (`AWS_ACCESS_KEY_ID`, ...).
        spool: for a bucket, the folder for content above 8 MiB on its way up; by default the system's.
        keys: of the seals; what is new is sealed if they say so.

    Raises:
        InvalidInput: the address is of no store known here, or an option is not known.
        Unavailable: the folder cannot be made.
    """
    scheme, divider, _ = str(address).partition("://")
    if not divider or isinstance(address, Path):
        from modelyard.adapters.objects.folder import FolderObjects

        return FolderObjects(Path(address), keys=keys)
    if scheme not in BUCKETS:
        raise InvalidInput(
            f"no object store is known for {scheme}:// addresses; give a folder's path, s3://, gs:// or az://"
        )
    from modelyard.adapters.objects.bucket import BucketObjects

    return BucketObjects(str(address), options=options or {}, keys=keys, spool=spool)
