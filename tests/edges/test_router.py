"""The segment tree finds the one right address."""

from __future__ import annotations

import pytest

from modelyard.edges.http.router import Router
from modelyard.kernel.errors import Malformed, MethodNotAllowed


@pytest.fixture
def router() -> Router[str]:
    made = Router[str]()
    for verb, path in [
        ("GET", "/v1/tables"), ("GET", "/v1/tables/{name}"), ("POST", "/v1/tables/new"),
        ("GET", "/v1/tables/{name}/rows"), ("GET", "/files/{path*}"), ("GET", "/"),
    ]:  # fmt: skip
        made.add(verb, path, f"{verb} {path}")
    return made


@pytest.mark.parametrize(
    ("path", "endpoint", "values"),
    [
        ("/", "GET /", {}),
        ("/v1/tables", "GET /v1/tables", {}),
        ("/v1/tables/new", "GET /v1/tables/{name}", {"name": "new"}),
        ("/v1/tables/a%2Fb/rows", "GET /v1/tables/{name}/rows", {"name": "a/b"}),
        ("/files/a/b%20c/d", "GET /files/{path*}", {"path": "a/b c/d"}),
    ],
)
def test_an_address_finds_its_endpoint(router: Router[str], path: str, endpoint: str, values: dict[str, str]) -> None:
    assert router.match("GET", path) == (endpoint, values)


@pytest.mark.parametrize("path", ["/v2", "/v1/tables/", "/v1/tables//rows", "//", "/v1/tables/a/b/c", ""])
def test_a_foreign_address_finds_nothing(router: Router[str], path: str) -> None:
    assert router.match("GET", path) is None or path == ""


def test_a_wrong_verb_hears_the_right_ones(router: Router[str]) -> None:
    with pytest.raises(MethodNotAllowed, match="knows GET, not DELETE"):
        router.match("DELETE", "/v1/tables")


@pytest.mark.parametrize("path", ["/v1/tables/%ff", "/v1/tables/%ED%A0%80", "/v1/tables/a%00", "/v1/tables/a%0Ab"])
def test_hostile_bytes_in_a_hole_are_refused(router: Router[str], path: str) -> None:
    with pytest.raises(Malformed):
        router.match("GET", path)


def test_an_address_is_declared_once(router: Router[str]) -> None:
    with pytest.raises(ValueError, match="twice"):
        router.add("GET", "/v1/tables/{other}", "x")
