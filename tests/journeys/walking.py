"""A walk over the whole site without a browser: every link and every ref is followed, some pages of each kind."""

from __future__ import annotations

import html
import re
from collections import Counter, deque
from urllib.parse import parse_qsl, urlsplit

import httpx2 as httpx

from modelyard.app.screens import every_screen
from modelyard.ui.kit.refs import shown

_LINK = re.compile(r'(?:href|src|data-source)="(/[^"]*)"')
_REF = re.compile(r'data-ref="([^"]+)"')
_ROUTES = tuple(
    (path, re.compile(re.sub(r"\\{\w+:path\\}", ".+", re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))))
    for screens in every_screen()
    for path in sorted((page.path for page in screens.pages), key=lambda path: path.count("{"))
)


def route_of(path: str) -> str:
    """The page that an address asks for, as it was declared; for all else, its first two parts."""
    plain = path.removesuffix(".json")
    known = sorted((p for p, pattern in _ROUTES if pattern.fullmatch(plain)), key=lambda p: p.count("{"))
    name = known[0] if known else "/".join(path.split("/")[:3])
    return f"{name}.json" if path.endswith(".json") else name


class Walk:
    """Begins at home and goes wherever a page leads; `each` pages of a kind, one of a kind with other questions."""

    def __init__(self, address: str, token: str, *, each: int = 2) -> None:
        headers = {"authorization": f"Bearer {token}", "accept": "text/html"}
        self.each, self.faults, self.seen = each, list[str](), Counter[str]()
        with httpx.Client(base_url=address, headers=headers, follow_redirects=True, timeout=60) as self._client:
            self._go()

    def _go(self) -> None:
        waiting, known = deque([("/", "")]), {"/"}
        while waiting:
            url, came_from = waiting.popleft()
            at = urlsplit(url)
            asked = ",".join(sorted(name for name, _ in parse_qsl(at.query)))
            kind = f"{route_of(at.path)}?{asked}"
            if self.seen[kind] >= (1 if asked or at.path.endswith(".json") else self.each):
                continue
            self.seen[kind] += 1
            for link in self._look(url, came_from):
                if link not in known and not link.startswith(("/static/", "/sign-out")):
                    known.add(link)
                    waiting.append((link, url))

    def _look(self, url: str, came_from: str) -> list[str]:
        """What a page leads to; a fault where it cannot be read."""
        answer = self._client.get(url)
        if answer.status_code >= 400:
            self.faults.append(f"{answer.status_code} {url} from {came_from}")
        if not answer.headers.get("content-type", "").startswith("text/html"):
            return []
        links = [html.unescape(link).partition("#")[0] for link in _LINK.findall(answer.text)]
        refs = [shown(html.unescape(ref)).href for ref in _REF.findall(answer.text)]
        return [*links, *refs]
