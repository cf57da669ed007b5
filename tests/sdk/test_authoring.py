"""Flows as they are written: planned without running, run as plain Python, digested by all that they use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

import modelyard
from modelyard import context, flow, step
from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.sdk.authoring import StepFile
from modelyard.sdk.authoring.code import code_digest
from modelyard.sdk.authoring.sources import bundled, place_of
from tests.pipelines.sample import MEASURES, TRAINING, module

ran: list[str] = []


@step
def split(table: str) -> str:
    ran.append("split")
    return f"{table}-part"


@step(cache=False)
def train(data: str, depth: int = 2, *, options: dict[str, int] | None = None) -> int:
    ran.append("train")
    return depth


@step(name="pick")
def best_of(models: list[int]) -> int:
    return max(models)


@flow
def training(table: str = "trips", depths: tuple[int, ...] = (3, 6)) -> int:
    data = split(table)
    return best_of([train(data, depth, options={"d": depth}) for depth in depths])


def test_a_plan_shows_the_graph_and_runs_nothing() -> None:
    ran.clear()
    plan = training.plan(depths=(3,))
    assert ran == []
    assert [(s.id, s.step, s.needs, s.cache) for s in plan.steps] == [
        ("split", "split", (), True), ("train", "train", ("split",), False), ("pick", "pick", ("train",), True),
    ]  # fmt: skip
    assert str(plan) == (
        "training(table='trips', depths=[3])\n"
        "  split = split(table='trips')\n"
        "  train = train(data=split, depth=3, options={'d': 3})  # not cached\n"
        "  pick = pick(models=[train])\n"
        "  -> pick"
    )


def test_a_flow_is_also_the_plain_function_that_it_is() -> None:
    assert training(depths=(3, 9, 6)) == 9
    assert train("x", 4) == 4


def test_a_flow_describes_its_parameters() -> None:
    spec = training.spec
    assert [(p.name, p.required, p.default) for p in spec.parameters] == [
        ("table", False, "trips"), ("depths", False, [3, 6]),
    ]  # fmt: skip
    assert spec.entry.endswith("test_authoring:training")


@pytest.mark.parametrize(
    "look",
    [
        bool, list, len, lambda x: x[0], lambda x: f"{x}", lambda x: x + 1, lambda x: x == 1, lambda x: x.score,
        lambda x: {x: 1},
    ],
)  # fmt: skip
def test_a_body_that_looks_into_a_result_is_refused(look: Callable[[object], object]) -> None:
    def body() -> None:
        look(split("trips"))

    with pytest.raises((InvalidInput, TypeError), match=r"looks into the result of split|unhashable"):
        flow(body).plan()


def test_what_does_not_travel_is_refused_with_the_way_out() -> None:
    def body() -> None:
        split(object())  # type: ignore[arg-type]  # that is what is refused

    with pytest.raises(InvalidInput, match=r"table of split is a object.*pass a ref"):
        flow(body).plan()


def test_a_step_cannot_be_a_closure_or_take_anything() -> None:
    secret = 3

    def closed() -> int:
        return secret

    def anything(*values: int) -> int:
        return sum(values)

    with pytest.raises(InvalidInput, match="step closed uses secret of the function around it"):
        step(closed)
    with pytest.raises(InvalidInput, match="name its parameters"):
        step(anything)


def test_two_steps_of_one_name_are_refused() -> None:
    other = step(name="split")(best_of.fn)

    def body() -> None:
        split("a")
        other([1])

    with pytest.raises(InvalidInput, match="two steps named split"):
        flow(body).plan()


def test_arguments_and_results_are_taken_as_their_types() -> None:
    assert split.run({"table": "t"}) == "t-part"
    with pytest.raises(InvalidInput, match="table of split does not fit"):
        split.run({"table": 3})

    with pytest.raises(InvalidInput, match="Path, which does not travel"):
        step(gives_a_path).run({})
    with pytest.raises(InvalidInput, match="the result of lies does not fit"):
        step(lies).run({})


def gives_a_path() -> object:
    return Path("/tmp")


def lies() -> int:
    return "three"  # type: ignore[return-value]  # that is what is found out


def test_a_plain_call_has_a_context_of_its_own(tmp_path: Path) -> None:
    here = context()
    (tmp_path / "model.txt").write_text("hello")
    kept = here.keep(tmp_path / "model.txt")
    assert (kept.name, kept.size_bytes) == ("model.txt", 5)
    assert here.path_of(kept).read_text() == "hello"
    here.reads("table:trips@12")
    assert "table:trips@12" in here.said[0]
    with pytest.raises(InvalidInput):
        here.writes("nonsense")
    with pytest.raises(NotFound):
        here.keep(tmp_path / "nothing")
    with pytest.raises(NotFound):
        here.path_of(StepFile(name="x", digest="0" * 64, size_bytes=1))
    with pytest.raises(InvalidInput, match="outside a worker"):
        _ = here.yard


def test_the_public_face_offers_the_words_without_importing_them() -> None:
    assert modelyard.step is step
    with pytest.raises(AttributeError):
        _ = modelyard.nothing


def digest(folder: Path, text: str, **beside: str) -> str:
    with module(folder, "written", text, **beside) as written:
        return code_digest(written.train.fn)


def test_a_bundle_holds_the_module_and_what_lies_beside_it_alone(tmp_path: Path) -> None:
    (tmp_path / "unrelated.py").write_text("x = 1")
    with module(tmp_path, "training", TRAINING, measures=MEASURES) as written:
        first = bundled(place_of(written.training.fn))
        assert bundled(place_of(written.training.fn)) == first
    (tmp_path / "b.zip").write_bytes(first)
    with ZipFile(tmp_path / "b.zip") as zipped:
        assert zipped.namelist() == ["measures.py", "training.py"]


def test_packages_are_bundled_with_their_relative_imports(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "", "shop/flows/__init__.py": "", "shop/words.py": "X = 1",
        "shop/flows/daily.py": "from modelyard import flow\nfrom ..words import X\nimport json\n"
        "@flow\ndef daily() -> int:\n    from shop import late\n    return X\n",
        "shop/late.py": "", "shop/never.py": "",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with module(tmp_path, "entrance", "from shop.flows.daily import daily\n") as written:
        place = place_of(written.daily.fn)
        assert place.module == "shop.flows.daily"
        (tmp_path / "b.zip").write_bytes(bundled(place))
    with ZipFile(tmp_path / "b.zip") as zipped:
        assert set(zipped.namelist()) == set(files) - {"shop/never.py"}


def test_a_flow_of_an_installed_library_is_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidInput, match="belongs to an installed library"):
        bundled(place_of(place_of))


STEP = """
from modelyard import step
{before}
@step
def train(n: int) -> int:
    {body}
"""


def variant(before: str, body: str) -> str:
    return STEP.format(before=before, body=body)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("", "return n"), ("", "return n + 1"), False),
        (("", "return n"), ("", '"""Say it."""\n    return (n)  # a comment'), True),
        (("", "return n"), ("def unused(): return 2", "return n"), True),
        (("def f(x): return x", "return f(n)"), ("def f(x): return x + 1", "return f(n)"), False),
        (("def g(x): return x\ndef f(x): return g(x)", "return f(n)"),
         ("def g(x): return -x\ndef f(x): return g(x)", "return f(n)"), False),
        (("K = 1", "return n + K"), ("K = 2", "return n + K"), False),
        (("K = {'a': [1, 2]}", "return n + K['a'][0]"), ("K = {'a': [1, 3]}", "return n + K['a'][0]"), False),
        (("K = 1\nJ = 1", "return n + K"), ("K = 1\nJ = 2", "return n + K"), True),
        (("class C:\n    x = 1", "return n + C.x"), ("class C:\n    x = 2", "return n + C.x"), False),
        (("f = lambda x: x", "return f(n)"), ("f = lambda x: -x", "return f(n)"), False),
        (("K = 1", "return sum(K for _ in range(n))"), ("K = 2", "return sum(K for _ in range(n))"), False),
        (("import json", "return len(json.dumps(n))"), ("import json\nX = 1", "return len(json.dumps(n))"), True),
    ],
)  # fmt: skip
def test_code_counts_by_what_it_does_and_uses(
    one: tuple[str, str], other: tuple[str, str], same: bool, tmp_path: Path
) -> None:
    first, second = digest(tmp_path / "one", variant(*one)), digest(tmp_path / "other", variant(*other))
    assert (first == second) is same


@pytest.mark.parametrize("use", ["import beside", "from beside import f"])
@pytest.mark.parametrize("late", [True, False])
def test_a_module_beside_counts_however_it_is_imported(use: str, late: bool, tmp_path: Path) -> None:
    call = "beside.f(n)" if use == "import beside" else "f(n)"
    text = variant("", f"{use}\n    return {call}") if late else variant(use, f"return {call}")
    old, new = "def f(x): return x\n", "def f(x): return x + 1\n"
    first = digest(tmp_path / "one", text, beside=old)
    assert digest(tmp_path / "same", text, beside=old) == first
    assert digest(tmp_path / "other", text, beside=new) != first
