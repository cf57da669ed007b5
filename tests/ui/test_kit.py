from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from modelyard import ui
from modelyard.ui.kit import scripts
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
    runs = client.get(next(file for file in files if file.endswith("/yard.js")).replace("yard.js", "runs.js")).text
    assert re.findall(r'^import .*"\./([\w.]+)";$', runs, re.MULTILINE) == ["yard.js"]
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


def test_our_scripts_write_no_markup() -> None:
    for path in (ROOT / "static" / "js").glob("*.js"):
        text = path.read_text()
        assert "innerHTML" not in text and "eval(" not in text and "document.write" not in text


def test_scripts_are_joined_with_what_they_need_each_module_once() -> None:
    found = scripts.joined(
        {
            "yard.js": 'import "./table.js";\nimport { el as make } from "./draw.js";\nmake();\n',
            "table.js": 'import { el } from "./draw.js";\nel();\n',
            "draw.js": "export const el = () => 1;\nexport const icon = () => el();\n",
            "own.js": 'import { el } from "./draw.js";\nimport { offer } from "./offers.js";\noffer(el);\n',
            "offers.js": "export const offer = f => f;\n",
            "alone.js": "document.title;\n",
        }
    )
    assert set(found) == {"yard.js", "own.js", "alone.js"} and found["alone.js"] == "document.title;\n"
    assert re.findall(r"^\$\.(\w+) = ", found["yard.js"], re.MULTILINE) == ["draw", "table", "yard"]
    assert found["yard.js"].index("requestAnimationFrame") < found["yard.js"].index("$.draw = ")  # painted first
    assert "const { el: make } = $.draw;" in found["yard.js"] and "return { el, icon };" in found["yard.js"]
    assert found["own.js"].startswith('import { $ } from "./yard.js";\n$.offers = ')
    assert re.findall(r"^\$\.(\w+) = ", found["own.js"], re.MULTILINE) == ["offers", "own"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("export default 1;", "form of import or export"),
        ('import all from "./draw.js";', "form of import or export"),
        ('import { el } from "./nowhere.js";', "it is not there"),
        ('import "./round.js";', "imports it in turn"),
    ],
)
def test_scripts_that_cannot_be_joined_stop_the_start(text: str, why: str) -> None:
    round_ = 'import "./yard.js";'
    with pytest.raises(ValueError, match=why):
        scripts.joined({"yard.js": text, "draw.js": "", "round.js": round_})


def test_declaring_screens_loads_neither_templates_nor_a_server() -> None:
    import subprocess
    import sys

    code = (
        "import sys, modelyard.ui.kit.pages, modelyard.ui.kit.tables, modelyard.ui.kit.gallery;"
        "sys.exit(any(m in sys.modules for m in ('jinja2', 'starlette', 'anyio', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
