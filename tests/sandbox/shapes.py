# SPDX-License-Identifier: MIT
"""Checks answers against the response schemas of an OpenAPI file: required members are there, types match.

Tolerant where the published schema is wrong: null is let in wherever the schema says `nullable` or has null in an
enum; an enum without null that is also nullable takes null; `format` and patterns are not looked at.
"""

import re

TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}


class Shapes:
    def __init__(self, document):
        self.document = document
        self.paths = document["paths"]
        self.schemas = document.get("components", {}).get("schemas", {})

    def response(self, path, method="get", status="200"):
        content = self.paths[path][method]["responses"][str(status)].get("content", {})
        return content.get("application/json", {}).get("schema")

    def check(self, path, value, method="get", status="200"):
        """A list of what is wrong, empty when all is well."""
        schema = self.response(path, method, status)
        return [] if schema is None else list(self.faults(schema, value, "$"))

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def nullable(self, schema):
        return schema.get("nullable") or None in schema.get("enum", ())

    def faults(self, schema, value, where):
        loose = self.nullable(schema)
        schema = self.resolve(schema)
        if value is None:
            if not (loose or self.nullable(schema) or not schema.get("type") and not any(
                    k in schema for k in ("allOf", "oneOf", "anyOf"))):
                branches = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf") or ()
                if not any(self.nullable(self.resolve(b)) for b in branches):
                    yield f"{where}: null"
            return
        for part in schema.get("allOf", ()):
            yield from self.faults(part, value, where)
        for key in ("oneOf", "anyOf"):
            if key in schema:
                tried = [list(self.faults(one, value, where)) for one in schema[key]]
                if all(tried):
                    yield from min(tried, key=len)
        kind = schema.get("type")
        if kind is None:
            return
        if not isinstance(value, TYPES[kind]) or isinstance(value, bool) and kind in ("integer", "number"):
            yield f"{where}: {type(value).__name__}, not {kind}"
            return
        if "enum" in schema and value not in schema["enum"]:
            yield f"{where}: {value!r} is none of {schema['enum']}"
        if kind == "array":
            for i, one in enumerate(value[:20]):
                yield from self.faults(schema.get("items", {}), one, f"{where}[{i}]")
        if kind == "object":
            members = schema.get("properties", {})
            for name in schema.get("required", ()):
                if name not in value:
                    yield f"{where}: no {name}"
            extra = schema.get("additionalProperties")
            for name, one in value.items():
                if name in members:
                    yield from self.faults(members[name], one, f"{where}.{name}")
                elif isinstance(extra, dict) and extra:
                    yield from self.faults(extra, one, f"{where}.{name}")


def generic(path):
    """A path with its parameters as {}, so that schema paths and ours compare."""
    return re.sub(r"\{\w+\}", "{}", path)
