"""The REST service described for programs: OpenAPI 3.1, its schemas from the model's Fields. Knows no modality."""

from typing import Any

import aprende
from aprende.app.answers import drawable
from aprende.core.fields import Field, Json
from aprende.core.model import Model
from aprende.core.words import t
from aprende.intake.inputs import Inputs

Schema = dict[str, Any]


def describe(model: Model) -> Schema:
    """Return the whole description as JSON."""
    card = model.system.card
    return {
        "openapi": "3.1.0",
        "info": {"title": t(card.title), "summary": t(card.idea), "version": aprende.__version__},
        "paths": _paths(model),
        "components": {
            "schemas": {
                "Row": _object(model.inputs, Inputs(model.inputs).needed),
                "Answer": _object(model.outputs, frozenset(model.outputs)),
                "Rows": _wrapped("rows", _list("Row")),
                "Columns": _wrapped("columns", _columns(model.inputs)),
                "Answers": _wrapped("rows", _list("Answer")),
                "Error": _wrapped("error", {"type": "string"}),
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _wrapped(name: str, held: Schema) -> Schema:
    return {"type": "object", "required": [name], "properties": {name: held}}


def _object(fields: dict[str, Field], needed: frozenset[str]) -> Schema:
    properties = {name: field.schema() for name, field in fields.items()}
    return {"type": "object", "properties": properties, "required": sorted(needed), "additionalProperties": False}


def _columns(fields: dict[str, Field]) -> Schema:
    properties = {name: {"type": "array", "items": field.schema()} for name, field in fields.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(name: str) -> Schema:
    return {"type": "array", "items": _ref(name)}


def _paths(model: Model) -> Schema:
    asked = {"oneOf": [_ref("Row"), _ref("Rows"), _ref("Columns")]}
    row_schema, row, said = _ref("Row"), example(model.inputs), {"oneOf": [_ref("Answer"), _ref("Answers")]}
    forms = {"multipart/form-data": {"schema": _ref("Row")}}
    upload = {
        "type": "object",
        "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
    }
    table = {"type": "string", "description": t("The same rows with their answers.")}
    output = {"name": "output", "in": "query", "schema": {"type": "string"}, "description": t("Which output or class.")}
    drawn = {
        "/drawn": _post(
            t("Answer one row, and draw over its picture what has a place in it."),
            {**_json(row_schema, row), **forms},
            _json({"type": "object"}),
        )
    }
    return {
        **(drawn if drawable(model.outputs) else {}),
        "/predict": _post(t("Answer one row or many."), {**_json(asked, row), **forms}, _json(said)),
        "/predict/file": _post(
            t("Answer a table (csv, xlsx, parquet, jsonl), pictures, or a zip of pictures."),
            {"multipart/form-data": {"schema": upload}},
            {"text/csv": {"schema": table}, **_json({"type": "object"})},
        ),
        "/explain": _post(t("Tell why the model answers so."), _json(asked, row), _json({"type": "object"}), [output]),
        "/unlike": _post(
            t("Tell which values are unlike all that the model learnt from."),
            _json(asked, row),
            _json({"type": "object"}),
        ),
        "/model": _get(t("What the model is: its scores, fields, settings and notes.")),
        "/health": _get(t("Is the server alive?")),
    }


def example(fields: dict[str, Field]) -> dict[str, Json]:
    """Return one row of usual values."""
    return {name: schema["example"] for name, field in fields.items() if "example" in (schema := field.schema())}


def _json(schema: Schema, value: Json = None) -> Schema:
    return {"application/json": {"schema": schema, **({"example": value} if value is not None else {})}}


def _post(summary: str, asked: Schema, said: Schema, parameters: list[Schema] | None = None) -> Schema:
    operation = {"summary": summary, "requestBody": {"required": True, "content": asked}, "responses": _responses(said)}
    return {"post": {**operation, **({"parameters": parameters} if parameters else {})}}


def _get(summary: str) -> Schema:
    return {
        "get": {"summary": summary, "responses": {"200": {"description": "OK", "content": _json({"type": "object"})}}}
    }


def _responses(said: Schema) -> Schema:
    refused = {
        "400": t("The request breaks a field; the text says which, and how to fix it."),
        "413": t("The request is too long."),
        "429": t("Too many requests wait; try again after Retry-After seconds."),
        "504": t("It took too long."),
    }
    return {
        "200": {"description": "OK", "content": said},
        **{code: {"description": text, "content": _json(_ref("Error"))} for code, text in refused.items()},
    }
