"""Rules on how code is laid out: names, sizes, prose, the reasons beside an ignore."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture import house
from tests.architecture.rule import Finding, rule
from tests.architecture.source import Function, Source

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
#: Modules up to this many lines of code may go without a paragraph.
SHORT = 10

TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore(?P<codes>\[[\w\-, ]+\])?(?P<reason>.*)")
NOQA = re.compile(r"#\s*noqa(?P<codes>:\s*[A-Z]+[0-9]+(?:\s*,\s*[A-Z]+[0-9]+)*)?(?P<reason>.*)", re.IGNORECASE)
WORD = re.compile(r"[A-Za-z]{3,}")
PROMISE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def own_parameters(node: Function) -> list[ast.arg]:
    """Parameters that a caller fills, without `self` and `cls`."""
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return [arg for arg in every if arg.arg not in {"self", "cls"}]


def without_quotes(comment: str) -> str:
    """A comment without the code it quotes, so that a rule's own words can be spoken of."""
    return re.sub(r"`[^`]*`", "", comment)


@rule(ast.Module, everywhere=True)
def modules_are_named_for_things(node: ast.Module, source: Source) -> Iterator[Finding]:
    """A drawer called `utils` or `common` takes anything, and soon everything imports it. A piece of code that nobody
    can place shows that a word is missing: name the thing, then the module after it.
    """
    for part in source.module.split("."):
        if part in house.NAMELESS or part.strip("_") in house.NAMELESS:
            yield 1, f"is named {part!r}"


@rule(ast.Module, everywhere=True)
def files_stay_readable_at_a_sitting(node: ast.Module, source: Source) -> Iterator[Finding]:
    """Above 450 lines a file has more than one reason to change. Split it by reason: a room that outgrows one file
    becomes a folder of the same name whose files are nouns.
    """
    if len(source.lines) > house.FILE_LINES:
        yield house.FILE_LINES, f"has {len(source.lines)} lines of at most {house.FILE_LINES}"


@rule(*FUNCTIONS, everywhere=True)
def functions_fit_a_screen(node: Function, source: Source) -> Iterator[Finding]:
    """Above 60 lines (docstring and decorators not counted) a function mixes levels: give each step a name that says
    its effect, and let this one read as the list of them.
    """
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is not None:
        lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
    if lines > house.FUNCTION_LINES:
        yield node.lineno, f"{node.name} has {lines} lines of at most {house.FUNCTION_LINES}"


@rule(*FUNCTIONS, everywhere=True)
def parameters_are_few(node: Function, source: Source) -> Iterator[Finding]:
    """More than eight parameters are a record that has no name yet. Name it, freeze it, pass it."""
    count = len(own_parameters(node))
    if count > house.PARAMETERS:
        yield node.lineno, f"{node.name} takes {count} parameters of at most {house.PARAMETERS}"


@rule(*FUNCTIONS)
def switches_are_named_at_the_call(node: Function, source: Source) -> Iterator[Finding]:
    """`scan(table, True)` cannot be read. A boolean parameter is keyword-only: put it behind the `*`."""
    accessor = any(isinstance(d, ast.Attribute) and d.attr == "setter" for d in node.decorator_list)
    if accessor or (node.name.startswith("__") and node.name.endswith("__") and node.name != "__init__"):
        return
    positional = [*node.args.posonlyargs, *node.args.args]
    defaults = [None] * (len(positional) - len(node.args.defaults)) + list(node.args.defaults)
    for arg, default in zip(positional, defaults, strict=True):
        typed = arg.annotation is not None and re.fullmatch(
            r"bool( \| None)?|None \| bool", ast.unparse(arg.annotation).strip("'\"")
        )
        switch = isinstance(default, ast.Constant) and isinstance(default.value, bool)
        if typed or switch:
            yield node.lineno, f"{node.name} takes the boolean {arg.arg!r} by position"


@rule(ast.Module)
def modules_open_with_a_paragraph(node: ast.Module, source: Source) -> Iterator[Finding]:
    """A reader lands in a file from a search. Its first lines say what it is for and what it never does."""
    if ast.get_docstring(node) is not None:
        return
    code = [line for line in source.lines if line.strip() and not line.strip().startswith("#")]
    if len(code) > SHORT:
        yield 1, f"has no docstring over {len(code)} lines of code"


@rule(ast.Module, everywhere=True)
def ignores_say_what_and_why(node: ast.Module, source: Source) -> Iterator[Finding]:
    """A bare ignore silences whatever goes wrong on its line for ever. Name the code and, behind it, the reason:
    `# type: ignore[arg-type]  # the stub lacks the overload`, `# noqa: BLE001  # a plug-in may raise anything`.
    """
    for line, comment in source.comments:
        for form in (TYPE_IGNORE, NOQA):
            for found in form.finditer(without_quotes(comment)):
                reason = found["reason"].split("# noqa")[0].split("# type:")[0]
                if not found["codes"]:
                    yield line, f"ignores without a code: {comment}"
                elif not WORD.search(reason):
                    yield line, f"ignores without a reason: {comment}"


@rule(ast.Module, everywhere=True)
def nothing_is_promised_in_comments(node: ast.Module, source: Source) -> Iterator[Finding]:
    """A promise in a comment is seen by nobody who could keep it. Open an issue, or do it now."""
    for line, comment in source.comments:
        if PROMISE.search(without_quotes(comment)):
            yield line, comment
