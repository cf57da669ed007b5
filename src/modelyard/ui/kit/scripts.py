"""Script modules put together when the yard starts, so that a page asks for one or two files and not for twenty.

The sources stay small modules that import each other. `yard.js`, the start of every page, takes all that it imports
with it and lends that to the modules that only some pages have. Only the few forms of import and export that our own
sources use are understood; any other stops the start, so nothing is ever put together wrongly in silence.

No script runs before the page is painted: what one of them measures would have the page laid out before, and what it
then changes once more, and both would be waited for. Who looks reads meanwhile, and links and forms work without. A
page with charts does not wait, because what it shows is drawn by script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

START = "yard.js"
"""What every page begins with."""
_PAINTED = """if (!document.hidden && !document.querySelector("yard-curves, yard-chart")) await new Promise(done => {
  requestAnimationFrame(() => setTimeout(done));
  setTimeout(done, 300);
});
"""
"""Waits for the first paint, but for no longer than that may take; nobody sees one of a page that is hidden."""
_IMPORT = re.compile(r'import (?:\{ (?P<names>[\w, ]+) \} from )?"\./(?P<of>\w+\.js)";$')
_EXPORT = re.compile(r"export (?=const (?P<name>\w+) = )")
_OTHER = re.compile(r"\s*(?:import|export)\b(?![.(])")


class _Module:
    """One source: what it imports, in order, and its text as the body of a function."""

    def __init__(self, name: str, text: str) -> None:
        self.needs: list[str] = []
        names: list[str] = []
        lines = []
        for line in text.splitlines():
            if found := _IMPORT.match(line):
                self.needs.append(found["of"])
                if taken := found["names"]:
                    lines.append(f"const {{ {taken.replace(' as ', ': ')} }} = {_place(found['of'])};")
                continue
            if found := _EXPORT.match(line):
                names.append(found["name"])
                line = line[found.end() :]
            elif _OTHER.match(line):
                raise ValueError(f"{name}: this form of import or export is not known here: {line[:80]}")
            lines.append(line)
        body = "\n".join(lines)
        self.text = f"{_place(name)} = (() => {{\n{body}\nreturn {{ {', '.join(names)} }};\n}})();\n"


def _place(name: str) -> str:
    return f"$.{name.removesuffix('.js')}"


def joined(sources: Mapping[str, str]) -> dict[str, str]:
    """The files that pages name, each with all that it needs: the modules that no other module imports.

    Raises:
        ValueError: a source imports in a form that is not known, or what is not there, or in a circle.
    """
    modules = {name: _Module(name, text) for name, text in sources.items()}
    needed = {of for module in modules.values() for of in module.needs}
    lent = _in_order(START, modules, ())
    files = {START: "export const $ = {};\n" + _PAINTED + "".join(modules[name].text for name in lent)}
    for name in sorted(modules.keys() - needed - {START}):
        own = [one for one in _in_order(name, modules, ()) if one not in lent]
        takes = f'import {{ $ }} from "./{START}";\n' if modules[name].needs else ""
        files[name] = takes + "".join(modules[one].text for one in own) if takes else sources[name]
    return files


def _in_order(name: str, modules: Mapping[str, _Module], above: tuple[str, ...]) -> list[str]:
    """A module after all that it needs, as a browser would run them."""
    if name not in modules or name in above:
        raise ValueError(f"{above[-1] if above else 'a page'} imports {name}: it is not there, or imports it in turn")
    order: list[str] = []
    for need in modules[name].needs:
        order += [one for one in _in_order(need, modules, (*above, name)) if one not in order]
    return [*order, name]
