"""The whole corpus: asked of a server, recorded as facts, compared."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2

from tests.protocols.mlflow.conformance import registry, searching, tracking
from tests.protocols.mlflow.conformance.caller import Caller

SCENARIOS = {
    f"{module.__name__.rpartition('.')[2]}.{scenario.__name__}": scenario
    for module in (tracking, searching, registry)
    for scenario in module.SCENARIOS
}
RECORDED = Path(__file__).with_name("recorded.jsonl")
Answers = dict[str, list[dict[str, Any]]]


def ask(address: str, token: str = "", only: str = "") -> Answers:
    """Every scenario's answers from a server that holds nothing yet."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    with httpx2.Client(base_url=address, headers=headers, trust_env=False, timeout=60) as http:
        found: Answers = {}
        for name, scenario in SCENARIOS.items():
            if only and only not in name:
                continue
            caller = Caller(http)
            scenario(caller)
            found[name] = [asdict(one) for one in caller.said]
        return found


def differences(expected: Answers, seen: Answers) -> list[str]:
    """Where two servers do not mean the same, one line each."""
    found: list[str] = []
    for name, wanted in expected.items():
        for i, (one, other) in enumerate(zip(wanted, seen[name], strict=True)):
            if (one["status"], one["code"], one["body"]) != (other["status"], other["code"], other["body"]):
                found.append(f"{name}[{i}] {one['call'][:330]}\n    {_shown(one, other)}\n    {_shown(other, one)}")
    return found


def _shown(one: dict[str, Any], other: dict[str, Any]) -> str:
    body = json.dumps(one["body"], sort_keys=True, ensure_ascii=False)
    beside = json.dumps(other["body"], sort_keys=True, ensure_ascii=False)
    first = next((i for i, (a, b) in enumerate(zip(body, beside, strict=False)) if a != b), 0)
    return f"{one['status']} {one['code']} ...{body[max(0, first - 60) : first + 140]}"


def record(answers: Answers) -> None:
    """Keep a server's answers as what is expected."""
    lines = (
        json.dumps([name, one], ensure_ascii=False, sort_keys=True) for name, said in answers.items() for one in said
    )
    RECORDED.write_text("\n".join(lines) + "\n", encoding="utf-8")


def recorded() -> Answers:
    """What MLflow's own server answered."""
    found: Answers = {}
    for line in RECORDED.read_text(encoding="utf-8").splitlines():
        name, one = json.loads(line)
        found.setdefault(name, []).append(one)
    return found
