"""The OpenAPI 3.1 document, derived from the operations alone.

It is built on request, never written into the tree, and says nothing that a declaration does not say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from modelyard.kernel.errors import every_error
from modelyard.kernel.operations import Form, Operation, Parameter

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem document",
    "required": ["type", "title", "status", "detail", "code", "instance"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "detail": {"type": "string"}, "code": {"type": "string", "enum": sorted({e.code for e in every_error()})},
        "instance": {"type": "string", "description": "the request id, as in the logs and the audit"},
    },
}  # fmt: skip


def document(operations: Sequence[Operation], *, version: str, prefix: str = "/v1") -> dict[str, Any]:
    """The whole document."""
    wanted: list[Any] = []
    for op in operations:
        wanted += [p.type for p in op.parameters if p.place in ("path", "query")]
        wanted += [op.rest_params, _answer_type(op)]
    schemas, components = msgspec.json.schema_components(wanted, ref_template="#/components/schemas/{name}")
    given = iter(schemas)
    paths: dict[str, Any] = {}
    for op in operations:
        parameters = [_parameter(p, next(given)) for p in op.parameters if p.place in ("path", "query")]
        body, answer = next(given), next(given)
        path = prefix + op.path.replace("*}", "}")
        paths.setdefault(path, {})[op.verb.lower()] = _entry(op, parameters, body, answer)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Modelyard", "version": version, "description": "The whole ML lifecycle."},
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": _PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }  # fmt: skip


def _answer_type(op: Operation) -> Any:
    """The record that the operation answers with; of live records, one of them."""
    if op.form is Form.LIVE:
        return op.returns.__args__[0]
    return str if op.form is Form.DOWNLOAD else op.returns


def _entry(op: Operation, parameters: list[dict[str, Any]], body: Any, answer: Any) -> dict[str, Any]:
    media = {Form.CALL: "application/json", Form.UPLOAD: "application/json", Form.DOWNLOAD: op.media}
    content = {media.get(op.form, "application/x-ndjson"): {"schema": {} if op.form is Form.DOWNLOAD else answer}}
    if op.changes and op.form is Form.CALL:
        parameters = [
            *parameters,
            {
                "name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string"},
                "description": "Repeat a call under its key and get the first answer again.",
            },
        ]  # fmt: skip
    if op.ranges:
        parameters = [
            *parameters,
            {
                "name": "Range", "in": "header", "required": False, "schema": {"type": "string"},
                "description": "One range of bytes, e.g. `bytes=0-1023`; answered with 206 and that part.",
            },
        ]  # fmt: skip
    entry: dict[str, Any] = {
        "operationId": op.name,
        "tags": [op.group],
        "summary": op.summary,
        "description": op.doc,
        "parameters": parameters,
        "x-scope": op.scope,
        "x-effect": op.effect.value,
        "responses": {
            "204" if op.returns is type(None) else "200": {"description": op.summary, "content": content}
            if op.returns is not type(None) else {"description": op.summary},
            "default": {
                "description": "; ".join(f"{name}: {why}" for name, why in op.raises) or "A problem",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
    }  # fmt: skip
    if op.ranges:
        entry["responses"]["206"] = {"description": "A part of it", "content": content}
    if any(p.place == "body" for p in op.parameters):
        entry["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    elif op.form is Form.UPLOAD:
        entry["requestBody"] = {"required": True, "content": {"application/octet-stream": {"schema": {}}}}
    return entry


def _parameter(p: Parameter, schema: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": p.name, "in": p.place, "required": p.required, "description": p.doc}
    if p.composite:
        entry["content"] = {"application/json": {"schema": schema}}
    else:
        entry["schema"] = schema
    return entry
