"""Example values for the OpenAPI document: of the shape that each field has."""

from typing import Any

_KINDS: dict[str, Any] = {
    "money": 1500,
    "quantity": 2,
    "delta": -3,
    "days": 28,
    "limit": 20,
    "period_start": "2026-10-01T00:00:00Z",
    "period_end": "2026-11-01T00:00:00Z",
    "search": "blue mug",
    "name": "Ana Torres",
    "city": "Lyon",
    "country": "FR",
    "email": "ana.torres@example.com",
    "reason_text": "The customer changed her mind.",
}
_NUMBERS = {"variant": "MUG-BLUE"}
_TYPES: dict[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "string": "text", "object": {}, "null": None}


def example_of(name: str, field: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """A value that the field would accept. `schemas` are the components that references point to."""
    if "examples" in field:
        return field["examples"][0]
    if "default" in field and field["default"] is not None:
        return field["default"]
    if "$ref" in field:
        return example_of(name, schemas.get(field["$ref"].rpartition("/")[2], {}), schemas)
    options: list[dict[str, Any]] = field.get("anyOf") or field.get("oneOf") or field.get("allOf") or []
    if options:
        return example_of(name, options[0], schemas)
    if "x-reference" in field:
        return _NUMBERS.get(field["x-reference"], f"{field['x-prefix']}-1042")
    if field.get("x-kind") in _KINDS:
        return _KINDS[field["x-kind"]]
    return _of_type(name, field, schemas)


def _of_type(name: str, field: dict[str, Any], schemas: dict[str, Any]) -> Any:
    if "const" in field or "enum" in field:
        return field.get("const", field.get("enum", [None])[0])
    if field.get("format") == "date-time":
        return "2026-11-22T10:00:00Z"
    if field.get("format") == "date":
        return "2026-11-22"
    if field.get("type") == "array":
        return [example_of(name, field.get("items", {}), schemas)]
    if field.get("properties"):
        properties: dict[str, Any] = field["properties"]
        return {key: example_of(key, properties[key], schemas) for key in field.get("required", [])}
    if name == "currency":
        return "EUR"
    return _TYPES.get(field.get("type", "string"), "text")
