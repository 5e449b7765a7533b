"""`/docs`: the API's own description as one page that loads nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from html import escape
from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse

from voicechat.api.page import html_headers

STYLE = """body{font:16px/1.5 system-ui;max-width:62em;margin:2em auto;padding:0 1em;color-scheme:light dark}
pre{background:#8881;padding:.8em;overflow:auto}h2{margin-top:2.5em}h2 code{font-size:.9em}small{opacity:.7}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25em .8em .25em 0;
border-bottom:1px solid #8883}nav a{margin-right:1em;white-space:nowrap}"""
WEBSOCKET = """<h2 id="realtime"><code>WS /v1/realtime</code></h2>
<p>A spoken conversation, by the OpenAI Realtime protocol.</p>
<pre>AsyncOpenAI(base_url="http://127.0.0.1:8080/v1", api_key="none").realtime.connect(model="gpt-realtime")</pre>"""
FRAMEWORK_SCHEMAS = ("HTTPValidationError", "ValidationError")
Schema = dict[str, Any]


def install_reference(app: FastAPI) -> None:
    """Serve `/docs`; the machine-readable form stays at `/openapi.json`."""
    app.openapi = _as_answered(app.openapi)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    page = cache(lambda: render(app.openapi()))

    # A plain function runs beside the event loop: the first page takes a while to write.
    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(page(), headers=html_headers())


def _as_answered(describe: Callable[[], Schema]) -> Callable[[], Schema]:
    """The description without FastAPI's own errors: requests that are wrong get OpenAI's, with 400."""

    def described() -> Schema:
        schema = describe()
        for _, _, operation in _operations(schema):
            operation["responses"].pop("422", None)
        for name in FRAMEWORK_SCHEMAS:
            schema.get("components", {}).get("schemas", {}).pop(name, None)
        return schema

    return described


def render(schema: Schema) -> str:
    """An OpenAPI document as HTML."""
    info = schema["info"]
    operations = list(_operations(schema))
    links = "".join(f'<a href="#{_anchor(method, path)}">{escape(path)}</a>' for method, path, _ in operations)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style><h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>"
        f'<p>{escape(info.get("description", ""))} <a href="/openapi.json">OpenAPI document</a></p>'
        f'<nav>{links}<a href="#realtime">/v1/realtime</a></nav>'
        f"{''.join(_operation(*each, schema) for each in operations)}{WEBSOCKET}</html>"
    )


def _operations(schema: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _anchor(method: str, path: str) -> str:
    return escape(f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""))


def _operation(method: str, path: str, operation: Schema, schema: Schema) -> str:
    title = f'<h2 id="{_anchor(method, path)}"><code>{method.upper()} {escape(path)}</code></h2>'
    asked = "".join(
        f"<p>Body, <code>{escape(kind)}</code>:</p>{_fields(content['schema'], schema)}"
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
    )
    answers = "".join(_answer(status, answer, schema) for status, answer in operation["responses"].items())
    return f"{title}<p>{escape(operation.get('summary', ''))}</p>{asked}<p>Answers:</p><table>{answers}</table>"


def _answer(status: str, answer: Schema, schema: Schema) -> str:
    kinds = "".join(
        f"<div><code>{escape(kind)}</code> {_type(content.get('schema', {}), schema)}</div>"
        for kind, content in answer.get("content", {}).items()
    )
    return f"<tr><th>{escape(status)}</th><td>{escape(answer.get('description', ''))}</td><td>{kinds}</td></tr>"


def _fields(part: Schema, schema: Schema) -> str:
    """An object's fields as a table, with an example of those that must be given."""
    shape = _object(part, schema)
    required = shape.get("required", [])
    rows = "".join(
        f"<tr><th><code>{escape(name)}</code></th><td>{_type(field, schema)}</td>"
        f"<td>{'required' if name in required else _default(field)}</td>"
        f"<td>{escape(field.get('description', ''))}</td></tr>"
        for name, field in shape.get("properties", {}).items()
    )
    examples = {
        name: field["examples"][0] for name, field in shape.get("properties", {}).items() if "examples" in field
    }
    shown = f"<pre>{escape(json.dumps(examples, indent=2))}</pre>" if examples else ""
    return f"<table>{rows}</table>{shown}"


def _object(part: Schema, schema: Schema) -> Schema:
    """The first alternative that is an object, its reference followed."""
    alternatives = part.get("anyOf", [part])
    resolved = [_resolved(each, schema) for each in alternatives]
    return next((each for each in resolved if "properties" in each), {})


def _resolved(part: Schema, schema: Schema) -> Schema:
    if reference := part.get("$ref"):
        found: Schema = schema["components"]["schemas"][reference.rpartition("/")[2]]
        return found
    return part


def _default(field: Schema) -> str:
    return f"default <code>{escape(json.dumps(field['default']))}</code>" if "default" in field else ""


def _type(part: Schema, schema: Schema) -> str:
    """What a value may be, in a few words."""
    if "anyOf" in part:
        return " or ".join(_type(each, schema) for each in part["anyOf"])
    shape = _resolved(part, schema)
    if "enum" in shape:
        return " | ".join(f"<code>{escape(str(each))}</code>" for each in shape["enum"])
    if "const" in shape:
        return f"<code>{escape(str(shape['const']))}</code>"
    if shape.get("type") == "array":
        return f"list of {_type(shape.get('items', {}), schema)}"
    if "properties" in shape:
        inner = (f"<code>{escape(name)}</code>: {_type(field, schema)}" for name, field in shape["properties"].items())
        return "{" + ", ".join(inner) + "}"
    bounds = [
        f"{word} {shape[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
        if key in shape
    ]
    return escape(" ".join([shape.get("format") or shape.get("type", "anything"), *bounds]))
