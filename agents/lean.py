"""The schema of a tool's input as chat models are told of it: names, types, and what these do not say by themselves.

It is computed from the one declaration. Left out are titles, defaults, limits and patterns (a refusal says them, with the numbers),
and descriptions where the name, the type or the list of values says as much. What many tools take is said once, in the house
rules.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

Json = dict[str, Any]
SAID_ONCE = frozenset({"limit", "after", "count", "version", "country", "currency"})  # by prompts/house_rules.md
_SAID_BY_KIND = ("period_start", "period_end", "money")  # likewise: `…_from`, `…_until`, amounts
_NAMES = {"sku": "variant"}  # of fields that are called by something else than what they refer to
_EMPTY = frozenset(  # `min_…` is at least so many
    ("a", "all", "an", "and", "are", "at", "by", "code", "from", "has", "in", "is", "it", "its", "least", "many", "most", "much",
     "of", "only", "or", "so", "that", "the", "their", "there", "this", "to", "what", "which", "who")
)  # fmt: skip
_KEPT = ("type", "enum", "items", "properties", "required", "anyOf", "description")
_FIRST_CLAUSE = re.compile(r"(.*?)(?:[;:.](?:\s.*)?|, such as .*| \(.*)?", re.DOTALL)


def parameters(schema: Json) -> Json:
    """The lean form of an input's JSON schema."""
    lean = _lean("", schema, cast(Json, schema.get("$defs", {})))
    lean.pop("description", None)
    _say_once(lean.get("properties", {}), {})
    return lean


def _lean(name: str, schema: Json, defs: Json) -> Json:
    whole = _resolved(schema, defs)
    lean = {key: whole[key] for key in _KEPT if key in whole}
    if whole.get("format") == "date":
        lean["format"] = "date"
    if isinstance(lean.get("items"), dict):
        lean["items"] = _lean("", lean["items"], defs)
        lean["items"].pop("description", None)
    if "anyOf" in lean:
        lean["anyOf"] = [_lean("", option, defs) for option in lean["anyOf"]]
    if "properties" in lean:
        lean["properties"] = {inner: _lean(inner, part, defs) for inner, part in lean["properties"].items()}
    lean.pop("description", None)
    described = _description(name, whole, lean)
    return lean | ({"description": described} if described else {})


def _resolved(schema: Json, defs: Json) -> Json:
    """One plain schema: a reference looked up, the null of what may be left out taken away."""
    if "$ref" in schema:
        target: Json = defs[str(schema["$ref"]).rpartition("/")[2]]
        return _resolved({**target, **{key: value for key, value in schema.items() if key != "$ref"}}, defs)
    options = [option for option in cast(list[Json], schema.get("anyOf", [])) if option.get("type") != "null"]
    own = {key: value for key, value in schema.items() if key != "anyOf"}
    if len(options) == 1:
        return _resolved({**options[0], **own}, defs)
    return own | ({"anyOf": options} if options else {})


def _description(name: str, whole: Json, lean: Json) -> str:
    """The first clause of what the declaration says; nothing where it repeats the name, the type or the house rules."""
    kind = whole.get("x-kind")
    listed = "enum" in lean or "enum" in lean.get("items", {})
    named = _NAMES.get(name, name) in (kind, whole.get("x-reference")) or kind in _SAID_BY_KIND
    found = _FIRST_CLAUSE.fullmatch(str(whole.get("description", "")))
    said = found[1] if found else ""
    news = set(re.findall(r"\w+", said.lower())) - _EMPTY - set(name.split("_"))
    return "" if listed or named or name in SAID_ONCE or not news else said


def _say_once(properties: Mapping[str, Json], seen: dict[str, str]) -> None:
    """An object that stands in the schema before is not spelt out again."""
    for name, part in properties.items():
        shape = repr({key: value for key, value in part.items() if key != "description"})
        if shape in seen and len(shape) > 200:
            for key in ("properties", "required", "anyOf", "items"):
                part.pop(key, None)
            part["description"] = f"{part.get('description', '')}; like `{seen[shape]}`".removeprefix("; ")
        seen.setdefault(shape, name)
