"""The drawing of the house: no circle of any kind and no arrow that turns upwards."""

from __future__ import annotations

from tests.architecture.graph import circles, module_graph, upward_arrows
from tests.architecture.source import Source, repository


def file(module: str, text: str, *, package: bool = False) -> Source:
    tail = "/__init__.py" if package else ".py"
    return Source(path=f"src/{module.replace('.', '/')}{tail}", module=module, text=text)


def product() -> list[Source]:
    return [source for source in repository() if source.is_product]


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(module_graph(product())) == []


def test_no_arrow_turns_upwards() -> None:
    assert upward_arrows(module_graph(product())) == []


def test_a_circle_through_a_deferred_import_is_seen() -> None:
    graph = module_graph(
        [
            file("modelyard.lake.store", "from modelyard.lake import model"),
            file("modelyard.lake.model", "def late():\n    from modelyard.lake.store import rows"),
        ]
    )
    assert circles(graph) == [["modelyard.lake.model", "modelyard.lake.store"]]


def test_a_circle_between_a_package_and_its_child_is_seen() -> None:
    graph = module_graph(
        [
            file("modelyard.sdk", "from .hub import Hub", package=True),
            file("modelyard.sdk.hub", "import typing\nif typing.TYPE_CHECKING:\n    from modelyard.sdk import Hub"),
        ]
    )
    assert circles(graph) == [["modelyard.sdk", "modelyard.sdk.hub"]]


def test_an_upward_arrow_a_neighbour_and_the_public_face_are_seen() -> None:
    graph = module_graph(
        [
            file("modelyard", "def connect():\n    from modelyard import app", package=True),
            file("modelyard.app", "from modelyard.lake import api"),
            file("modelyard.lake.api", "from modelyard.quality import api"),
            file("modelyard.quality.api", "from modelyard.features import api\nfrom modelyard import connect"),
            file("modelyard.features.api", "from modelyard.lake import api"),
        ]
    )
    assert upward_arrows(graph) == [
        "modelyard.lake.api -> modelyard.quality.api",
        "modelyard.quality.api -> modelyard (the public face is for users; import the room itself)",
        "modelyard.quality.api -> modelyard.features.api",
    ]
