"""How a connection to a database is opened: what its address may say, which driver, and the password at the last
moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlunsplit

from modelyard.adapters.sources.addresses import (
    Grounds,
    refuse_host,
    refuse_secret_options,
    split,
    with_password,
)
from modelyard.adapters.sources.places import confined_path
from modelyard.kernel.errors import InvalidInput, MissingExtra
from modelyard.ports.secrets import Secret

_POSTGRES_TAKES = (
    "host", "port", "sslmode", "connect_timeout", "application_name", "target_session_attrs", "channel_binding",
)  # fmt: skip
_TAKES: dict[str, tuple[str, ...]] = {
    "postgresql": _POSTGRES_TAKES, "postgres": _POSTGRES_TAKES, "sqlite": (), "mysql": ("tls",),
    "snowflake": ("warehouse", "role", "schema"), "bigquery": (),
}  # fmt: skip
_BY_MANAGER = {"mysql": "mysql", "snowflake": "snowflake", "bigquery": "bigquery"}
_INSTALL = {
    "mysql": "dbc install mysql (https://docs.adbc-drivers.org)",
    "snowflake": "pip install adbc-driver-snowflake",
    "bigquery": "pip install adbc-driver-bigquery",
}


def check(address: str, options: Mapping[str, str], grounds: Grounds) -> None:
    """Refuse what cannot or may not be read; nothing is dialled."""
    scheme = address.partition("://")[0]
    parts = split(address, takes=_TAKES[scheme])
    refuse_secret_options(options, known=())
    if scheme == "sqlite":
        _sqlite_path(address, grounds)
        return
    if scheme in ("postgresql", "postgres"):
        for host in parse_qs(parts.query).get("host") or [parts.hostname or ""]:
            if host.startswith("/"):
                confined_path(host, grounds)
            else:
                refuse_host(host, grounds)
        return
    if scheme == "mysql":
        refuse_host(parts.hostname, grounds)
    elif not parts.netloc:
        raise InvalidInput(f"write {scheme}://PROJECT_OR_ACCOUNT/DATASET_OR_DATABASE")


def connect(address: str, secret: Secret | None, options: Mapping[str, str], grounds: Grounds) -> Any:
    """An open connection that only reads."""
    del options
    scheme = address.partition("://")[0]
    if scheme == "sqlite":
        import adbc_driver_sqlite.dbapi as sqlite

        path = _sqlite_path(address, grounds)
        return sqlite.connect(f"file:{_escaped(str(path))}?mode=ro", autocommit=True)
    if scheme in ("postgresql", "postgres"):
        import adbc_driver_postgresql.dbapi as postgres

        connection = postgres.connect(_postgres(address, secret), autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
        return connection
    return _by_manager(scheme, address, secret)


def _postgres(address: str, secret: Secret | None) -> str:
    """The address for libpq, which takes no password from a file of this machine."""
    parts = split(address, takes=_POSTGRES_TAKES)
    words = {"connect_timeout": "10", "passfile": "/dev/null", "application_name": "modelyard"}
    words |= dict(parse_qsl(parts.query))
    return with_password(urlunsplit(parts._replace(scheme="postgresql", query=urlencode(words))), secret)


def _sqlite_path(address: str, grounds: Grounds) -> Any:
    path = unquote(address.removeprefix("sqlite://"))
    if not path.startswith("/"):
        raise InvalidInput("write sqlite:///path/to/file.db, with the whole path")
    return confined_path(path, grounds, regular=True)


def _escaped(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _by_manager(scheme: str, address: str, secret: Secret | None) -> Any:
    """A connection through a driver that the driver manager finds by its name."""
    from adbc_driver_manager import Error, dbapi

    try:
        module: Any = import_module(f"adbc_driver_{scheme}.dbapi")
    except ModuleNotFoundError:
        module = None
    parts = split(address, takes=_TAKES[scheme])
    words = _words(scheme, parts, secret)
    try:
        if module is not None:
            return module.connect(db_kwargs=words, autocommit=True)
        return dbapi.connect(driver=_BY_MANAGER[scheme], db_kwargs=dict(words), autocommit=True)
    except Error as err:
        if module is None and "driver" in str(err).lower() and "not" in str(err).lower():
            raise MissingExtra(f"a {scheme}:// source needs its ADBC driver: {_INSTALL[scheme]}") from None
        raise


def _words(scheme: str, parts: Any, secret: Secret | None) -> dict[str, str]:
    """What the drivers want to know, in their own words."""
    key = "" if secret is None else secret.reveal()
    base = parts.path.strip("/")
    if scheme == "bigquery":
        words = {"adbc.bigquery.sql.project_id": parts.netloc, "adbc.bigquery.sql.dataset_id": base}
        if key:
            words |= {
                "adbc.bigquery.sql.auth_type": "adbc.bigquery.sql.auth_type.json_credential_string",
                "adbc.bigquery.sql.auth_credentials": key,
            }
        return words
    if scheme == "mysql":
        user = f"{parts.username or ''}:{key}@" if key else f"{parts.username or ''}@"
        return {"uri": f"{user}tcp({parts.hostname}:{parts.port or 3306})/{base}"}
    given = dict(parse_qsl(parts.query))
    account, database = parts.hostname or "", base
    words = {"username": parts.username or "", "password": key, "adbc.snowflake.sql.account": account}
    if database:
        words["adbc.snowflake.sql.db"] = database
    return words | {f"adbc.snowflake.sql.{name}": value for name, value in given.items()}
