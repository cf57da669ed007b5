"""The database port on Postgres (psycopg 3): the scale adapter, shared by the processes of one or many machines.

Importing it needs the extra `postgres`; without it the error names the command that installs it.
"""

from modelyard.kernel.errors import MissingExtra

try:
    import psycopg  # noqa: F401  # asked here, so that one clear error stands for every module below
except ImportError as err:
    raise MissingExtra("a postgresql:// address needs psycopg: pip install 'modelyard[postgres]'") from err

from modelyard.adapters.postgres.database import PostgresDatabase

__all__ = ["PostgresDatabase"]
