"""The documentation page: every operation of an OpenAPI description, with a request that works."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #0a7d5a; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem; }
h1 { margin-bottom: 0; } h2 { border-bottom: 1px solid var(--line); margin-top: 2.5rem; }
nav { columns: 3 14rem; font-size: .9rem; } nav a { display: block; }
a { color: var(--accent); } code, pre { font: .85rem/1.5 ui-monospace, monospace; }
pre { background: var(--soft); border-radius: .4rem; overflow-x: auto; padding: .8rem; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; } summary b { display: inline-block; min-width: 4.5rem; color: var(--accent); }
table { border-collapse: collapse; font-size: .9rem; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }
"""

METHODS = ("post", "get", "put", "patch", "delete")
Json = Mapping[str, Any]


def render(description: Json, base: str) -> str:
    """The page, for a server at `base`; needs no script and nothing from elsewhere."""
    groups: dict[str, list[str]] = {}
    for path, method, operation in _operations(description):
        groups.setdefault(operation["tags"][0], []).append(
            _operation(description, base, path, method, operation)
        )
    info = description["info"]
    links = "".join(f'<a href="#{_anchor(tag)}">{escape(tag)}</a>' for tag in groups)
    sections = "".join(
        f'<h2 id="{_anchor(tag)}">{escape(tag)}</h2>{"".join(parts)}' for tag, parts in groups.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['description'])} "
        f'The same as data: <a href="/openapi.json">openapi.json</a>; webhooks and '
        f'media streams: <a href="/asyncapi.json">asyncapi.json</a>.</p><nav>{links}</nav>{sections}</html>'
    )


def _operations(description: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in description["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _anchor(tag: str) -> str:
    return escape(tag.replace(" ", "-"))


def _operation(description: Json, base: str, path: str, method: str, operation: Json) -> str:
    schema = _body_schema(description, operation)
    rows = [
        _row(f"{one['name']} ({one['in']})", one, one.get("schema", {}))
        for one in operation.get("parameters", [])
    ]
    required = set(schema.get("required", ()))
    rows += [
        _row(name + (" *" if name in required else ""), member, _resolved(description, member))
        for name, member in schema.get("properties", {}).items()
    ]
    table = f"<table><tr><th>field<th>type<th>meaning</tr>{''.join(rows)}</table>" if rows else ""
    curl = escape(_curl(description, base, path, method, schema))
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code></summary>"
        f"<p>{escape(operation.get('description', ''))}</p><pre>{curl}</pre>{table}</details>"
    )


def _row(name: str, member: Json, schema: Json) -> str:
    meaning = member.get("description") or schema.get("description", "")
    return f"<tr><td><code>{escape(name)}</code><td>{escape(_kind(schema))}<td>{escape(meaning)}</tr>"


def _kind(schema: Json) -> str:
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(_kind(one) for one in schema["anyOf"])
    if "const" in schema:
        return json.dumps(schema["const"])
    kind = str(schema.get("type", "any"))
    bounds = [
        str(schema[name]) for name in ("minimum", "maximum", "minLength", "maxLength") if name in schema
    ]
    return f"{kind} ({' to '.join(bounds)})" if bounds else kind


def _resolved(description: Json, schema: Json) -> Json:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Json = description["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _body_schema(description: Json, operation: Json) -> Json:
    content = operation.get("requestBody", {}).get("content", {})
    return _resolved(description, content.get("application/json", {}).get("schema", {}))


def _curl(description: Json, base: str, path: str, method: str, schema: Json) -> str:
    lines = [f"curl -X {method.upper()} '{base}{path}'", "-H 'Authorization: Bearer YOUR_KEY'"]
    if schema:
        body = json.dumps(_example(description, schema), indent=2).replace("'", "'\\''")
        lines += ["-H 'Content-Type: application/json'", f"-d '{body}'"]
    return " \\\n  ".join(lines)


def _example(description: Json, schema: Json) -> Any:
    schema = _resolved(description, schema)
    if schema.get("examples"):
        return schema["examples"][0]
    if "properties" in schema:
        required = set(schema.get("required", ()))
        return {
            name: _example(description, member)
            for name, member in schema["properties"].items()
            if name in required or member.get("examples")
        }
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _example(description, schema["anyOf"][0])
    if schema.get("type") == "array":
        return [_example(description, schema.get("items", {}))]
    return {"integer": 1, "boolean": True}.get(schema.get("type", ""), "text")
