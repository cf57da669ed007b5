from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from modelyard import ui
from modelyard.ui.kit import assets
from modelyard.ui.kit.gallery import HOSTILE

ROOT = Path(ui.__file__).parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
PARTS = ["parts", "table", "drawings", "states", "hostile", "icons"]


class Reader(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_holds_a_script_a_style_or_a_handler(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"<style|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"https?://", text)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_of_the_gallery_is_whole_html(client: TestClient, part: str) -> None:
    answer = client.get("/kit", params={"part": part})
    assert answer.status_code == 200
    reader = read(answer.text)
    headings = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch(r"h[1-6]", tag)]
    assert headings.count(1) == 1
    ids = [attrs["id"] for _, attrs in reader.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'href="#((?:i|m)-[\w-]+)"', answer.text))
    assert used <= set(ids)


def test_hostile_names_neither_run_nor_break_out(client: TestClient) -> None:
    answer = client.get("/kit", params={"part": "hostile"})
    reader = read(answer.text)
    assert all("src" in attrs for tag, attrs in reader.tags if tag == "script")
    assert not any(tag == "img" for tag, _ in reader.tags)
    assert not any(name.startswith("on") for _, attrs in reader.tags for name in attrs)
    links = [attrs.get("href") or "" for tag, attrs in reader.tags if tag == "a"]
    assert all(link.startswith(("/", "#")) for link in links)
    assert "\u202e" not in answer.text and "\x00" not in answer.text
    assert "{{ 7 * 7 }}" in answer.text
    assert HOSTILE[5] in answer.text


def test_an_unknown_and_an_inapplicable_value_look_different(client: TestClient) -> None:
    html = client.get("/kit", params={"part": "parts"}).text
    assert '<span class="null">null</span>' in html
    assert '<span class="faint">–</span>' in html


def test_a_page_tells_its_call_its_weight_and_its_twins(client: TestClient) -> None:
    html = client.get("/kit").text
    foot = html[html.index('<footer class="foot"') :]
    assert "GET /kit" in foot and "KB" in foot and 'href="/kit.json"' in foot and "yard runs list" in foot


def test_every_file_of_the_screens_is_ours_and_served_for_ever(client: TestClient) -> None:
    html = client.get("/kit").text
    files = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', html))
    assert {file.rpartition("/")[2] for file in files} == {"yard.js", "yard.css", "icon.svg"}
    for file in list(files):  # and what scripts import, as a browser would find it
        for name in re.findall(r'from "\./(\w+\.js)"|import "\./(\w+\.js)"', client.get(file).text):
            files.add(f"{file.rpartition('/')[0]}/{''.join(name)}")
    assert len(files) >= 12
    for file in files:
        answer = client.get(file)
        assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
    assert client.get("/static/old/yard.css").headers["cache-control"] == "no-cache"
    assert client.get("/static/x/%2e%2e/site.py").status_code == 404


def test_the_theme_that_was_chosen_stands_in_the_page_itself(client: TestClient) -> None:
    def theme(cookie: str) -> str:
        html = client.get("/sign-in", headers={"cookie": cookie}).text
        return html[html.index("<html") : html.index("<head")].strip()

    assert theme("yard_theme=dark") == '<html lang="en" data-theme="dark">'
    for other in ("yard_theme=", "yard_theme=dark%22", "yard_theme=solar", "other=dark"):
        assert theme(other) == '<html lang="en">'


def test_vendored_files_are_the_recorded_ones() -> None:
    import hashlib

    record = (ROOT / "static" / "vendor" / "VENDORED.md").read_text()
    for name, sha in re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", record, re.MULTILINE):
        assert hashlib.sha256((ROOT / "static" / "vendor" / name).read_bytes()).hexdigest() == sha
    assert len(re.findall(r"[0-9a-f]{64}", record)) == 3


def test_our_scripts_import_only_each_other() -> None:
    known = assets.load().files
    for path in (ROOT / "static" / "js").glob("*.js"):
        text = path.read_text()
        for name in re.findall(r'from "\./([\w.]+)"|import "\./([\w.]+)"', text):
            assert f"js/{name[0] or name[1]}" in known
        assert "innerHTML" not in text and "eval(" not in text and "document.write" not in text


def test_declaring_screens_loads_neither_templates_nor_a_server() -> None:
    import subprocess
    import sys

    code = (
        "import sys, modelyard.ui.kit.pages, modelyard.ui.kit.tables, modelyard.ui.kit.gallery;"
        "sys.exit(any(m in sys.modules for m in ('jinja2', 'starlette', 'anyio', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
