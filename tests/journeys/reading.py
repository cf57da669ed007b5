"""A reader of the screens in a real Chromium, who notices errors, outside requests and stumbling blocks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from modelyard.app.lock import running_at

AUDIT = (Path(__file__).parents[1] / "ui" / "audit.js").read_text("utf-8")
CHROMIUM = Path(os.environ.get("YARD_CHROMIUM", "/usr/bin/chromium"))
ARGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip
_RINGED = """() => {
  const at = document.activeElement, box = at.getBoundingClientRect();
  return { text: at.textContent.trim(), seen: box.top >= 0, ring: parseFloat(getComputedStyle(at).outlineWidth) };
}"""


@contextmanager
def yard_on(home: Path) -> Iterator[str]:
    """A yard up on a home; its address."""
    log = home.parent / "up.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "modelyard", "up", "--home", str(home), "--port", "0"], stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + 90
        while (running := running_at(home)) is None:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.05)
        yield running.address
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, or a skip that says how to get it."""
    if not CHROMIUM.exists():
        pytest.skip("no Chromium: apt-get install chromium, or set YARD_CHROMIUM to its path")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        yield browser
        browser.close()


class Reader:
    """Somebody signed in, and what went wrong where."""

    def __init__(self, browser: Browser, address: str, token: str, *, width: int = 1440, script: bool = True) -> None:
        self.address, self.faults, self.seen = address, list[str](), list[str]()
        self.context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=script)
        self.context.set_default_timeout(60_000)
        self.context.request.post(f"{address}/sign-in", form={"token": token, "to": "/"})
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda m: self._note(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.on("request", lambda r: None if r.url.startswith(address) else self._note(f"asked {r.url}"))

    def _note(self, fault: str) -> None:
        self.faults.append(f"{self.page.url.removeprefix(self.address)}: {fault}")

    def open(self, path: str) -> Page:
        """Go to a page by its address."""
        self.page.goto(self.address + path, wait_until="load")
        return self.page

    def click(self, selector: str, *, to: str) -> str:
        """Click what a person would click, and look at the page that it leads to; its path."""
        self.page.locator(selector).first.click()
        self.page.wait_for_url(f"{self.address}{to}")
        return self.look()

    def enter(self, selector: str, *, to: str) -> str:
        """Open a row by the keyboard, and look at the page that it leads to; its path."""
        self.page.locator(selector).first.focus()
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(f"{self.address}{to}")
        return self.look()

    def look(self) -> str:
        """Hold the page that is open to all that every page promises; its path."""
        page = self.page
        page.wait_for_selector("html[data-ready]", state="attached")
        path = page.url.removeprefix(self.address)
        self.seen.append(path)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            self.faults += [f"{path} {scheme}: {fault}" for fault in page.evaluate(AUDIT)]
        page.evaluate("() => { document.activeElement?.blur(); scrollTo(0, 0); }")
        page.keyboard.press("Tab")
        first = page.evaluate(_RINGED)
        if not (first["text"] == "Skip to content" and first["seen"] and first["ring"] >= 2):
            self.faults.append(f"{path}: the first Tab shows {first}")
        page.keyboard.press("Control+k")
        if not page.is_visible("[data-palette-box]"):
            self.faults.append(f"{path}: Ctrl K opens nothing")
        page.keyboard.press("Escape")
        head, _, query = path.partition("#")[0].partition("?")
        twin = self.context.request.get(f"{self.address}{'/home' if head == '/' else head}.json?{query}")
        if not (twin.ok and twin.headers["content-type"] == "application/json"):
            self.faults.append(f"{path}: its JSON twin answers {twin.status}")
        return path

    def close(self) -> None:
        """Leave; nothing may have gone wrong."""
        self.context.close()
        assert self.faults == []
