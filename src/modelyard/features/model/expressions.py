"""Which SQL a feature or label may be: one expression over one row, the same answer at any time and on any machine.

The engine's own parser takes the text apart; its tree (JSON) is walked here against lists of what is allowed. So no
aggregate or window can look at other rows, which would leak the future into a training set, and no clock, dice, file
or subquery can be asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from modelyard.kernel.errors import InvalidInput

LONGEST = 4000
_CLASSES = frozenset(
    {"COLUMN_REF", "CONSTANT", "FUNCTION", "OPERATOR", "CASE", "CAST", "COMPARISON", "CONJUNCTION", "BETWEEN", "TYPE"}
)
_OPERATORS = frozenset(
    {
        "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_NOT", "OPERATOR_COALESCE", "OPERATOR_NULLIF",
        "COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_TRY",
    }
)  # fmt: skip
FUNCTIONS = frozenset(
    {
        "+", "-", "*", "/", "//", "%", "**", "^", "||", "~~", "!~~", "~~*", "!~~*", "&", "|", "<<", ">>", "xor",
        "abs", "sign", "sqrt", "cbrt", "exp", "ln", "log", "log2", "log10", "pow", "power", "round", "floor", "ceil",
        "ceiling", "trunc", "mod", "fmod", "greatest", "least", "isnan", "isinf", "isfinite", "sin", "cos", "tan",
        "asin", "acos", "atan", "atan2", "radians", "degrees", "pi", "sinh", "cosh", "tanh",
        "lower", "upper", "trim", "ltrim", "rtrim", "length", "strlen", "substr", "substring", "left", "right",
        "replace", "concat", "concat_ws", "contains", "starts_with", "ends_with", "prefix", "suffix", "regexp_matches",
        "regexp_replace", "regexp_extract", "strpos", "instr", "split_part", "lpad", "rpad", "repeat", "reverse",
        "md5", "sha256", "ascii", "chr", "levenshtein", "jaccard", "hamming", "strip_accents",
        "if", "ifnull", "nullif", "coalesce",
        "date_part", "datepart", "date_trunc", "datetrunc", "date_diff", "datediff", "epoch", "epoch_ms", "epoch_us",
        "year", "month", "day", "hour", "minute", "second", "dayofweek", "isodow", "dayofyear", "week", "weekofyear",
        "quarter", "to_timestamp", "make_timestamp", "make_date", "to_seconds", "to_minutes", "to_hours", "to_days",
        "to_weeks", "to_months", "to_years", "strftime", "strptime", "try_strptime",
    }
)  # fmt: skip


def check(text: str, tree: str, columns: Collection[str]) -> list[str]:
    """The columns of the source that an expression reads, if it is one that may be.

    Args:
        tree: what the engine's parser made of `SELECT <text>`, as JSON.

    Raises:
        InvalidInput: it is not one expression over one row of these columns; the detail says what disturbs.
    """
    parsed = msgspec.json.decode(tree)
    if parsed.get("error"):
        raise _refused(text, str(parsed.get("error_message", "it cannot be read"))[:300])
    statements = parsed.get("statements", [])
    node = statements[0]["node"] if len(statements) == 1 else {}
    whole = (
        node.get("type") == "SELECT_NODE"
        and len(node["select_list"]) == 1
        and node["from_table"]["type"] == "EMPTY"
        and not node["modifiers"]
        and not node["cte_map"]["map"]
        and not node["group_expressions"]
        and not any(node[part] for part in ("where_clause", "having", "qualify", "sample"))
    )
    if not whole:
        raise _refused(text, "it is more than one expression")
    if node["select_list"][0].get("alias"):
        raise _refused(text, "the name stands beside the expression, not in it")
    return _columns(text, node["select_list"][0], columns)


def _columns(text: str, tree: Any, columns: Collection[str]) -> list[str]:
    folded = {column.lower(): column for column in columns}
    read: dict[str, None] = {}
    for node in _nodes(tree):
        kind = node["class"]
        if kind == "COLUMN_REF":
            names = node["column_names"]
            if len(names) != 1 or names[0].lower() not in folded:
                raise _refused(text, f"the source has no column {'.'.join(names)!r}; it has {', '.join(columns)[:300]}")
            read[folded[names[0].lower()]] = None
        elif kind == "FUNCTION":
            name = str(node["function_name"]).lower()
            if name not in FUNCTIONS or node.get("distinct") or node.get("filter"):
                raise _refused(text, f"{name} is not a function over one row that may be used here")
        elif kind not in _CLASSES or (kind == "OPERATOR" and node["type"] not in _OPERATORS):
            raise _refused(text, f"it holds a {str(node['type']).lower().replace('_', ' ')}")
    return list(read)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every node that has a class."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if "class" in node:
                yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def _refused(text: str, why: str) -> InvalidInput:
    return InvalidInput(f"{text[:120]!r} is not an expression over one row of the source: {why}")
