"""Pulling files: folders that others write into, patterns, buckets, the web; each file once, and none half-written."""

from __future__ import annotations

import gzip
import http.server
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd
from obstore.store import S3Store

from modelyard.adapters.sources import Grounds
from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound, Unavailable
from modelyard.lake.api import Drawing, Lake, PullMode
from modelyard.testing import Bench
from tests.engines.s3 import s3_server
from tests.lake.stand import lake_service, read
from tests.lake.test_pulling import ids, whole

NOW = Drawing(options={"settle_s": "0"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    return made


@pytest.fixture
def lake(bench: Bench, folder: Path) -> Iterator[Lake]:
    with lake_service(bench, grounds=Grounds(folders=(str(folder),))) as service:
        yield bench.open(Lake, service)


def rows(first: int, last: int) -> bytes:
    return b"id,word\n" + b"".join(b"%d,w%d\n" % (n, n) for n in range(first, last + 1))


def test_each_file_of_a_folder_is_loaded_once(lake: Lake, folder: Path) -> None:
    (folder / "a.csv").write_bytes(rows(1, 3))
    (folder / "b.csv").write_bytes(rows(4, 6))
    lake.declare_source("f", f"{folder}/*.csv", "t", drawing=NOW)
    first = whole(lake.pull("f"))
    assert [load.source for load in first.loads] == ["a.csv", "b.csv"]
    (folder / "c.csv").write_bytes(rows(7, 9))
    (folder / "c.csv.part").write_bytes(rows(100, 101))
    (folder / "d.json").write_bytes(b"{}")
    assert [load.source for load in whole(lake.pull("f")).loads] == ["c.csv"]
    assert whole(lake.pull("f")).loads == ()
    os.utime(folder / "a.csv", (1, 1))
    assert whole(lake.pull("f")).loads == (), "the same bytes under another date are no new file"
    assert ids(lake, "t") == list(range(1, 10))
    (folder / "a.csv").write_bytes(rows(10, 11))
    assert whole(lake.pull("f")).rows_loaded == 2
    assert b"".join(lake.source(first.loads[0].id)) == rows(1, 3)


def test_a_file_that_is_being_written_is_left_for_later(lake: Lake, folder: Path) -> None:
    (folder / "a.csv").write_bytes(rows(1, 3))
    lake.declare_source("f", str(folder), "t", drawing=Drawing(options={"settle_s": "3600"}))
    pulled = lake.pull("f")
    assert (pulled.loads, pulled.left) == ((), ("a.csv",))


def test_packed_files_and_spreadsheets_are_read_as_what_is_in_them(lake: Lake, folder: Path, tmp_path: Path) -> None:
    (folder / "a.csv.gz").write_bytes(gzip.compress(rows(1, 3)) + gzip.compress(b"4,w4\n"))
    (folder / "b.csv.zst").write_bytes(zstd.compress(rows(5, 6)))
    pq.write_table(pa.table({"id": [7], "word": ["w7"]}), folder / "c.parquet")
    lake.declare_source("f", str(folder), "t", drawing=NOW)
    assert whole(lake.pull("f")).rows_loaded == 7
    assert ids(lake, "t") == list(range(1, 8))
    assert [load.dialect.get("packed") for load in lake.loads().items] == [None, "zstd", "gzip"]
    book = lake.load("book", [workbook()], source="book.xlsx")
    assert (book.rows_loaded, book.format.value, book.dialect["sheet"]) == (2, "excel", "First")
    assert read(lake, "book") == [{"id": 1, "word": "one"}, {"id": 2, "word": "two"}]


def workbook() -> bytes:
    """A spreadsheet of two columns, as its format describes it."""
    import io
    import zipfile

    cells = [("id", "word"), (1, "one"), (2, "two")]
    body = ""
    for number, row in enumerate(cells, start=1):
        texts = [
            f'<c r="{"AB"[at]}{number}" t="inlineStr"><is><t>{value}</t></is></c>'
            if isinstance(value, str)
            else f'<c r="{"AB"[at]}{number}"><v>{value}</v></c>'
            for at, value in enumerate(row)
        ]
        body += f'<row r="{number}">{"".join(texts)}</row>'
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" '
        f'ContentType="{kind}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" '
        f'ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="First" sheetId="1" '
        'r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>{text}')
    return out.getvalue()


def test_a_whole_file_replaces_or_is_compared(lake: Lake, folder: Path) -> None:
    file = folder / "a.csv"
    file.write_bytes(rows(1, 5))
    lake.declare_source("f", str(file), "full", mode=PullMode.FULL, drawing=NOW)
    lake.declare_source("s", str(file), "shot", mode=PullMode.SNAPSHOT, keys=("id",), drawing=NOW)
    for name in ("f", "s"):
        assert whole(lake.pull(name)).rows_loaded == 5
    file.write_bytes(rows(3, 7))
    assert whole(lake.pull("f")).rows_loaded == 5
    shot = whole(lake.pull("s"))
    assert (shot.rows_loaded, shot.rows_unchanged, shot.rows_removed) == (2, 3, 2)
    assert ids(lake, "full") == ids(lake, "shot") == [3, 4, 5, 6, 7]
    (folder / "b.csv").write_bytes(rows(1, 1))
    lake.declare_source("f", str(folder), "full", mode=PullMode.FULL, drawing=NOW)
    with pytest.raises(InvalidInput, match="reads one"):
        lake.pull("f")


def test_a_look_at_a_file_keeps_nothing(lake: Lake, folder: Path, bench: Bench) -> None:
    (folder / "a.csv").write_bytes(b"id;at\n1;2026-01-01\nx;y\n")
    lake.declare_source("f", str(folder), "t", drawing=NOW)
    look = lake.look("f")
    assert look.dialect["delimiter"] == ";"
    assert look.of == "a.csv"
    assert [s.name for s in lake.streams("f")] == ["a.csv"]
    assert lake.loads().items == []
    with pytest.raises(NotFound):
        lake.look("f", stream="b.csv")


def test_no_trick_in_a_path_leads_out_of_the_listed_folders(lake: Lake, folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_bytes(rows(1, 1))
    (folder / "link.csv").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    (folder / "null.csv").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.csv")
    for address in (
        str(secret), f"{folder}/../secret.csv", f"{folder}/link.csv", f"{folder}/up/secret.csv", "/etc/passwd",
        f"file://{folder}/%2e%2e/secret.csv", "/dev/zero", f"{folder}/null.csv", "/proc/self/environ",
    ):  # fmt: skip
        with pytest.raises(Forbidden, match=r"source_folders|regular"):
            lake.declare_source("f", address, "t")
    for address in ("relative.csv", "a\nb", ""):
        with pytest.raises(InvalidInput):
            lake.declare_source("f", address, "t")
    lake.declare_source("f", f"{folder}/pipe.csv", "t", drawing=NOW)
    with pytest.raises(Forbidden, match="regular"):
        lake.pull("f")
    lake.declare_source("f", f"{folder}/**", "t", drawing=NOW)
    assert lake.pull("f").loads == ()
    assert lake.tables().items == []


def test_a_bucket_is_pulled_with_the_key_that_was_sealed(lake: Lake) -> None:
    with s3_server() as server:
        address = server.make_bucket("pulled")
        options = {key: value for key, value in server.options.items() if key != "secret_access_key"}
        store = S3Store("pulled", config=server.options, client_options={"allow_http": True})  # type: ignore[arg-type]  # plain words
        obstore.put(store, "in/a.csv", rows(1, 3))
        lake.declare_source("b", f"{address}/in/*.csv", "t", drawing=Drawing(options=options))
        lake.seal_source("b", "test")
        assert whole(lake.pull("b")).rows_loaded == 3
        obstore.put(store, "in/b.csv", rows(4, 5))
        assert whole(lake.pull("b")).rows_loaded == 2
        assert whole(lake.pull("b")).loads == ()
        lake.declare_source("n", f"{address}/none/a.csv", "t", drawing=Drawing(options=options))
        with pytest.raises(NotFound):
            lake.pull("n")
        with pytest.raises(InvalidInput, match="given as `secret`"):
            lake.declare_source("x", address, "t", drawing=Drawing(options={"secret_access_key": "geheim"}))


class Site:
    """What a small web server serves."""

    def __init__(self) -> None:
        self.body = rows(1, 3)
        self.tag = '"1"'
        self.status = 200
        self.location = ""
        self.cut = False
        self.asked: list[tuple[str, str]] = []
        self.port = 0


@contextmanager
def serving(site: Site) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
            """Say nothing."""

        def do_HEAD(self) -> None:
            self._head()

        def _head(self) -> None:
            site.asked.append((self.path, self.headers.get("authorization", "")))
            self.send_response(302 if site.location and self.path != "/end.csv" else site.status)
            if site.location:
                self.send_header("location", site.location)
            self.send_header("etag", site.tag)
            self.send_header("content-length", str(len(site.body) + 10 * site.cut))
            self.end_headers()

        def do_GET(self) -> None:
            self._head()
            self.wfile.write(site.body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    site.port = server.server_address[1]
    try:
        yield f"http://127.0.0.1:{site.port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_file_on_the_web_is_read_again_when_its_tag_changes(lake: Lake) -> None:
    site = Site()
    with serving(site) as address:
        lake.declare_source("w", f"{address}/data/a.csv?year=2026", "t", mode=PullMode.FULL)
        lake.seal_source("w", "geheim")
        assert whole(lake.pull("w")).rows_loaded == 3
        gets = len(site.asked)
        assert whole(lake.pull("w")).loads == ()
        assert len(site.asked) == gets + 1, "an unchanged file is asked for by HEAD alone"
        assert site.asked[0] == ("/data/a.csv?year=2026", "Bearer geheim")
        site.body, site.tag = rows(1, 9), '"2"'
        assert whole(lake.pull("w")).rows_loaded == 9
        site.tag, site.cut = '"3"', True
        with pytest.raises(Unavailable, match="broke off"):
            lake.pull("w")
        site.cut, site.location = False, "/end.csv"
        assert whole(lake.pull("w")).loads == (), "the same bytes behind another address"
        for status, error in ((404, NotFound), (403, Forbidden), (500, Unavailable)):
            site.tag, site.status, site.location = f'"{status}"', status, ""
            with pytest.raises(error) as caught:
                lake.pull("w")
            assert "geheim" not in caught.value.detail
        assert ids(lake, "t") == list(range(1, 10))


def test_a_secret_goes_to_no_other_host_and_no_redirect_leads_to_a_machines_own(lake: Lake) -> None:
    first, second = Site(), Site()
    with serving(second) as elsewhere, serving(first) as address:
        first.location = f"{elsewhere}/end.csv"
        lake.declare_source("w", f"{address}/a.csv", "t")
        lake.seal_source("w", "geheim")
        assert whole(lake.pull("w")).rows_loaded == 3
        assert {secret for _, secret in second.asked} == {""}
        for location in ("http://169.254.169.254/latest/meta-data", "http://[fe80::1]/x", "file:///etc/passwd"):
            first.location = location
            with pytest.raises((Forbidden, Unavailable)):
                lake.pull("w")
        first.location = f"{address}/again.csv"
        with pytest.raises(Unavailable, match="more than"):
            lake.pull("w")


def test_a_host_that_is_not_listed_is_not_dialled(bench: Bench, tmp_path: Path) -> None:
    with lake_service(bench, grounds=Grounds(hosts=("data.example",))) as service:
        lake = bench.open(Lake, service)
        for address in ("http://127.0.0.1:1/a.csv", "postgresql://joe@db.example/x", "s3://bucket/a.csv"):
            with pytest.raises(Forbidden, match="source_hosts"):
                lake.declare_source("x", address, "t", stream="x" * address.startswith("post"))
