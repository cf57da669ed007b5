"""Sources, labels and plans as Hypothesis draws them: few keys and moments, so that ties and edges are common."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import strategies as st

from modelyard.features.api import Aggregate, FeatureType
from modelyard.features.model.join import Rows
from modelyard.features.model.semantics import Output, Plan
from tests.features.model.reference import Ask, Fact

KEYS = st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([1, 2, None]))
FAR = st.sampled_from([-(2**61), -1, 0, 2**61])
MOMENTS = st.integers(0, 12) | FAR
NUMBERS = st.sampled_from([0.0, 1.5, -2.0, 1e17, -1e17, 0.1, float("nan"), float("inf"), float("-inf")]) | st.none()
TEXTS = st.sampled_from(["x", "", "long " * 5]) | st.none()
FACTS = st.lists(
    st.builds(
        Fact, key=KEYS, event=st.none() | MOMENTS, created=st.none() | st.integers(0, 3),
        values=st.tuples(NUMBERS, TEXTS),
    ),
    max_size=30,
)  # fmt: skip
ASKS = st.lists(st.builds(Ask, key=KEYS, moment=st.none() | MOMENTS), max_size=20)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A plan over a number (place 0) and a text (place 1)."""
    outputs = [
        Output("v__number", 0, None, None, FeatureType.FLOAT64),
        Output("v__text", 1, None, None, FeatureType.STRING),
    ]
    for aggregate in draw(st.lists(st.sampled_from(list(Aggregate)), max_size=6)):
        window = draw(st.integers(1, 8) | st.just(2**50))
        kind = FeatureType.INT64 if aggregate is Aggregate.COUNT else FeatureType.FLOAT64
        outputs.append(Output(f"v__{aggregate}_{window}", 0, aggregate, window, kind))
    return Plan(
        view="v", expressions=("number", "text"), outputs=tuple(outputs), newest=(0, 1),
        windowed=(0,) if len(outputs) > 2 else (),
        ttl_us=draw(st.none() | st.integers(0, 8)), delay_us=draw(st.sampled_from([0, 0, 1, 3])),
        longest_us=max((o.window_us or 0 for o in outputs), default=0),
    )  # fmt: skip


def rows_of(facts: list[Fact], *, created: bool) -> Rows:
    """The facts as columns, in the order of arrival."""
    return Rows(
        keys=keys_of([fact.key for fact in facts]),
        event_us=pa.array([fact.event for fact in facts], pa.int64()),
        created_us=pa.array([fact.created for fact in facts], pa.int64()) if created else None,
        arrival=None,
        values=[
            pa.array([fact.values[0] for fact in facts], pa.float64()),
            pa.array([fact.values[1] for fact in facts], pa.string()),
        ],
    )


def keys_of(keys: list[tuple[str | int | None, ...]]) -> list[pa.Array]:
    """Keys as columns."""
    return [pa.array([key[0] for key in keys], pa.string()), pa.array([key[1] for key in keys], pa.int64())]
