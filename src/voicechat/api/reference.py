"""`/docs`: the API's own description as one page that loads nothing from elsewhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse

from voicechat.api.page import html_headers

STYLE = """body{font:16px/1.5 system-ui;max-width:60em;margin:2em auto;padding:0 1em}
pre{background:#8881;padding:.8em;overflow:auto}h2 code{font-size:.9em}small{opacity:.7}"""
WEBSOCKET = """<h2><code>WS /v1/realtime</code></h2><p>A spoken conversation, by the OpenAI Realtime protocol.</p>
<pre>AsyncOpenAI(base_url="http://127.0.0.1:8080/v1", api_key="none").realtime.connect(model="gpt-realtime")</pre>"""


def install_reference(app: FastAPI) -> None:
    """Serve `/docs`; the machine-readable form stays at `/openapi.json`."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(render(app.openapi()), headers=html_headers())


def render(schema: dict[str, Any]) -> str:
    """An OpenAPI document as HTML."""
    info = schema["info"]
    operations = "".join(
        _operation(method, path, operation, schema)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f"<style>{STYLE}</style><h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>"
        f'<p>{escape(info.get("description", ""))} <a href="/openapi.json">OpenAPI document</a></p>'
        f"{WEBSOCKET}{operations}</html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any], schema: dict[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    shown = "" if body is None else f"<p>Body:</p><pre>{escape(json.dumps(_resolved(body, schema), indent=2))}</pre>"
    return f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation.get('summary', ''))}</p>{shown}"


def _resolved(part: Any, schema: dict[str, Any]) -> Any:
    """The same schema with its references filled in."""
    if isinstance(part, list):
        return [_resolved(each, schema) for each in part]
    if not isinstance(part, dict):
        return part
    if reference := part.get("$ref"):
        return _resolved(schema["components"]["schemas"][reference.rpartition("/")[2]], schema)
    return {key: _resolved(value, schema) for key, value in part.items()}
