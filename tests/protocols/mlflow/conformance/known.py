"""Where a yard's answers differ from MLflow's, and why; the how-to page says the same in words.

Each entry is a scenario, how its call begins (or what it holds), and the reason. A difference that is not here fails
the test, and so does an entry that no longer differs.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why an answer differs."""

    STRICT = "MLflow lets a value pass that nobody can have meant, or fails with a 500; a yard says what is wrong"
    MORE = "a yard understands what MLflow refuses, or tells more"
    CODE = "a code or status that says more; a 500 would make clients repeat the call"
    CUT = "a yard cuts or refuses at creation what MLflow cuts or refuses only afterwards"
    TAGGED = "in a yard setting a tag of a version counts as an update of it"


KNOWN: dict[str, dict[str, Reason]] = {
    "tracking.experiments": {'"new_name": "exp-one"': Reason.CODE},
    "tracking.stages": {'"new_name": "x-new"': Reason.CODE},
    "tracking.metrics": {'"max_results": "x"': Reason.STRICT},
    "tracking.logged_models": {
        '"filter": "status = \'READY\'"': Reason.MORE,
        "nonsense = 'a'": Reason.STRICT,
        "metrics.acc = 'x'": Reason.STRICT,
        '"page_token": "nonsense"': Reason.STRICT,
    },
    "tracking.careless": {
        '{"name": "twice"': Reason.MORE,
        "<8001>": Reason.CUT,
        '"tags": [{"key": "kkkkkkkkkkkkkkkkkkkk<251>"': Reason.CUT,
        '{"key": "x", "value": "1"}, {"key": "x", "value": "2"}': Reason.MORE,
        '"start_time": -1': Reason.STRICT,
        '"tags": [{"value": "v"}]': Reason.STRICT,
        '"key": "bool"': Reason.STRICT,
        '"step": 1.5': Reason.STRICT,
        '"value": "abc"': Reason.STRICT,
        '"status": "NONSENSE"': Reason.STRICT,
        '"end_time": -5': Reason.STRICT,
        "NOT_A_VIEW": Reason.STRICT,
        '"name": "", "digest"': Reason.STRICT,
        '"digest": "", "source_type"': Reason.STRICT,
        '"source_type": "", "source"': Reason.STRICT,
        '"source": ""}': Reason.STRICT,
        '"datasets": [{"tags": []}]': Reason.STRICT,
        '"params": [{"key": "kkkkkkkkkkkkkkkkkkkk<251>"': Reason.CUT,
        "<6001>": Reason.CUT,
        '"max_results": 0': Reason.STRICT,
        'POST /runs/log-batch "{"': Reason.STRICT,
        'POST /runs/log-batch "[1,2]"': Reason.STRICT,
        'POST /runs/log-batch ""': Reason.STRICT,
    },
    "searching.filters": {'"filter": "   "': Reason.MORE, "metrics. > 0.5": Reason.STRICT},
    "searching.orders": {
        '["`run name`"]': Reason.MORE,
        "attributes.`Run name` DESC": Reason.MORE,
        '["metrics.acc", "metrics.acc"]': Reason.STRICT,
        '["metrics.acc", "metrics.acc DESC"]': Reason.STRICT,
    },
    "searching.pages": {
        '"max_results": null': Reason.MORE,
        '"max_results": 1.5': Reason.STRICT,
        '"page_token": "MTIz"': Reason.STRICT,
        '"page_token": 5': Reason.STRICT,
    },
    "searching.experiments": {'"max_results": null': Reason.MORE, '"view_type": "NONSENSE"': Reason.STRICT},
    "registry.versions": {
        '"version": "-1"': Reason.STRICT,
        '"version": "0"': Reason.STRICT,
        '"version": "01"': Reason.STRICT,
        '"stage": "None"': Reason.STRICT,
        '"archive_existing_versions": true, "version": "2", "stage": "Archived"': Reason.STRICT,
    },
    "registry.aliases": {
        'POST /registered-models/alias {"name": "a-one", "alias": "1"': Reason.STRICT,
        'GET /registered-models/get {"name": "a-one"}': Reason.MORE,
    },
    "registry.search": {
        "name != 's-alpha'\", \"max_results": Reason.MORE,
        '/registered-models/search {"filter": "attributes.name': Reason.MORE,
        "`name` = 's-alpha'": Reason.MORE,
        '["creation_timestamp", "name"]': Reason.MORE,
        "version_number = '1'": Reason.MORE,
        "source_path LIKE": Reason.MORE,
        "version = '1'": Reason.MORE,
        '/model-versions/search {"filter": "attributes.name': Reason.MORE,
        "last_updated_timestamp DESC": Reason.TAGGED,
        '["name", "name DESC"]': Reason.STRICT,
    },
}
