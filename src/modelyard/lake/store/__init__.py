"""The lake's own tables in the database, and the SQL that it asks of the query engine."""

from modelyard.lake.store.branches import BRANCHES
from modelyard.lake.store.catalogue import CATALOGUE
from modelyard.lake.store.evolution import EVOLUTION
from modelyard.lake.store.filesets import THUMBNAILS, UPLOADS
from modelyard.lake.store.labels import LABELS
from modelyard.lake.store.lineages import LINEAGES
from modelyard.lake.store.loads import LOADS, ORIGINS
from modelyard.lake.store.policies import POLICIES
from modelyard.lake.store.pseudonyms import PSEUDONYMS
from modelyard.lake.store.pushes import PUSHES
from modelyard.lake.store.retention import RETENTION
from modelyard.lake.store.sinks import RESUMING, SINKS
from modelyard.lake.store.sources import SOURCES

MIGRATIONS = (
    CATALOGUE,
    LOADS,
    BRANCHES,
    RETENTION,
    PUSHES,
    UPLOADS,
    THUMBNAILS,
    SINKS,
    LINEAGES,
    LABELS,
    SOURCES,
    ORIGINS,
    POLICIES,
    EVOLUTION,
    RESUMING,
    PSEUDONYMS,
)
