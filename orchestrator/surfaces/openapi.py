"""The OpenAPI 3.1 document, made from the declarations: what a client generator needs, with examples."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from orchestrator.surfaces import openapi_chat, openapi_completions, openapi_files
from orchestrator.surfaces.examples import Example, examples
from orchestrator.surfaces.problems import MEDIA_TYPE
from orchestrator.surfaces.rest import PREFIX, TooLarge, WrongMediaType, creates
from tools.contract import errors
from tools.contract.cards import Card, NotCarriedOut, Rejected
from tools.contract.declare import Tool
from tools.contract.errors import ShopError
from tools.contract.files import MEDIA_TYPES, FileResult

REF = "#/components/schemas/{model}"


class Waiting(BaseModel):
    """What needs a person's decision, or would happen."""

    approval: str | None = Field(description="The approval that it waits for; null for a preview.")
    why: str = Field(description="Why a person has to decide; empty where nobody has to.")
    card: Card = Field(description="What would be changed.")


class FieldError(BaseModel):
    pointer: str = Field(description="Which field, as a JSON pointer.")
    code: str = Field(description="What kind of error.")
    message: str = Field(description="What is wrong about it.")


class Problem(BaseModel):
    """RFC 9457, with what a program needs to go on."""

    type: str = Field(description="A URN of the error's code.")
    title: str = Field(description="The rule that was not kept.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="This case, with its numbers.")
    instance: str = Field(description="The path that was asked.")
    code: str = Field(description="The error's name.")
    hint: str = Field(description="What to do next.")
    retryable: bool = Field(description="Whether the same request may succeed later.")
    request_id: str = Field(description="Names this request in logs and traces.")
    errors: list[FieldError] | None = Field(default=None, description="Each field that cannot be as it is.")
    current_state: str | None = Field(default=None, description="The status that the thing has.")
    allowed_moves: list[str] | None = Field(default=None, description="The statuses that may follow it.")


def document(tools: Iterable[Tool[Any, Any]], version: str) -> dict[str, Any]:
    tools = list(tools)
    paths: dict[str, dict[str, Any]] = {}
    schemas = _schemas(tools)
    for tool in tools:
        paths.setdefault(PREFIX + tool.path, {})[tool.method.lower()] = _operation(tool, schemas)
    for beside in (openapi_chat, openapi_files):
        paths |= {PREFIX + path: operations for path, operations in beside.paths().items()}
    paths |= openapi_completions.paths()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Shopkeeper",
            "version": version,
            "description": "The back office of an online shop. Writes need an `Idempotency-Key`; `?preview=true` shows what one "
            "would change. Errors are RFC 9457 problems.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}, {"session": []}],
        "tags": [{"name": room} for room in dict.fromkeys(tool.room for tool in tools)],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key, `sk_…`."},
                "session": {"type": "apiKey", "in": "cookie", "name": "shopkeeper_session"},
            },
        },
    }


def _schemas(tools: list[Tool[Any, Any]]) -> dict[str, Any]:
    """Every model of every operation, by name."""
    shown = {tool.output for tool in tools} | {
        Waiting,
        Problem,
        *openapi_chat.OUTPUTS,
        *openapi_files.OUTPUTS,
        *openapi_completions.OUTPUTS,
    }
    outputs: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "serialization") for model in shown]
    beside = (*openapi_chat.INPUTS, *openapi_completions.INPUTS)
    inputs: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "validation") for model in (*(tool.input for tool in tools), *beside)
    ]
    outputs.sort(key=lambda pair: pair[0].__name__)
    _, definitions = models_json_schema([*inputs, *outputs], ref_template=REF)
    return definitions["$defs"]


def _operation(tool: Tool[Any, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    schema, example = schemas[tool.input.__name__], examples().get(tool.name, Example())
    operation: dict[str, Any] = {
        "operationId": tool.name,
        "tags": [tool.room],
        "summary": tool.summary,
        "description": f"{tool.description}\n\n{_needs(tool)}",
        "parameters": _parameters(tool, schema, example),
        "responses": _responses(tool, example),
        "x-effect": tool.effect.value,
    }
    if tool.for_visitors:
        operation["security"] = []
    if tool.method in ("POST", "PUT", "PATCH"):
        operation["requestBody"] = _body(tool, schema, schemas, example)
    return operation


def _needs(tool: Tool[Any, Any]) -> str:
    return "Nobody has to be signed in." if tool.for_visitors else f"Needs the permission `{tool.permission}`."


def _parameters(tool: Tool[Any, Any], schema: dict[str, Any], example: Example) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    properties: dict[str, Any] = schema.get("properties", {})
    flat = tool.method in ("GET", "DELETE")
    for name, field in properties.items():
        if name in tool.path_fields:
            shown = _parameter(name, "path", field | {"pattern": "^[^/]+$"}, required=True)
            found.append(shown | ({"example": example.path[name]} if name in example.path else {}))
        elif flat and not (name == "version" and tool.writes):
            shown = _parameter(name, "query", field, required=name in schema.get("required", []))
            found.append(shown | ({"example": example.query[name]} if name in example.query else {}))
    if tool.writes:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "A UUID made for this write and sent again with its retries. Only a preview may go without.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "example": "0b6f1c2e-8f0a-4c55-9a6e-2f6f5b0a7c11",
            }
        )
    if tool.writes and not tool.for_visitors:
        boolean = {"type": "boolean", "default": False, "description": "Show what would change, and change nothing."}
        found.append(_parameter("preview", "query", boolean, required=False))
    if "version" in properties and tool.writes:
        needed = "; this, or `version`, is required" if tool.version_required else ""
        found.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": False,
                "description": f"The ETag of what was read{needed}.",
                "schema": {"type": "string", "pattern": '^"v[0-9]{1,9}"$'},
                "example": '"v3"',
            }
        )
    return found


def _parameter(name: str, place: str, field: dict[str, Any], *, required: bool) -> dict[str, Any]:
    schema = {key: value for key, value in field.items() if key not in ("title", "description")}
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": field.get("description", ""),
        "schema": schema,
    }


def _body(tool: Tool[Any, Any], schema: dict[str, Any], schemas: dict[str, Any], example: Example) -> dict[str, Any]:
    """The input without what stands in the path, as a schema of its own."""
    name = f"{tool.input.__name__}Body"
    properties = {key: value for key, value in schema.get("properties", {}).items() if key not in tool.path_fields}
    required = [key for key in schema.get("required", []) if key not in tool.path_fields]
    schemas[name] = {**schema, "title": name, "properties": properties, "required": required}
    content = {"schema": {"$ref": REF.format(model=name)}, "example": example.body}
    return {"required": bool(required), "content": {"application/json": content}}


def _responses(tool: Tool[Any, Any], example: Example) -> dict[str, Any]:
    """Success, what waits, and the errors grouped by their status."""
    result = {"$ref": REF.format(model=_component(tool.output))}
    waiting = {"$ref": REF.format(model=Waiting.__name__)}
    success = {"anyOf": [result, waiting]} if tool.writes else result
    done = _json("Done.", result if creates(tool) else success)
    if issubclass(tool.output, FileResult):
        done["content"] = {
            MEDIA_TYPES[kind]: {"schema": {"type": "object" if kind == "json" else "string"}}
            for kind in tool.output.KINDS
        }
    if example.answer is not None:
        asked = MEDIA_TYPES.get(example.query.get("format", ""))  # of a file that comes in several kinds
        for media_type, content in done["content"].items():
            if len(done["content"]) == 1 or media_type == asked:
                content["example"] = example.answer
    found: dict[str, Any] = {"201" if creates(tool) else "200": done}
    if creates(tool):
        found["200"] = _json("A preview.", waiting)
    if tool.writes:
        found["202"] = _json("It waits for a person's decision.", waiting)
    if tool.method == "GET" and "version" in tool.output.model_fields:
        found["304"] = {"description": "It is still the version of If-None-Match."}
    by_status: dict[int, list[type[ShopError]]] = {}
    for error in dict.fromkeys(_errors(tool)):
        by_status.setdefault(error.status, []).append(error)
    for status, kinds in sorted(by_status.items()):
        described = "; ".join(f"`{kind.code()}`: {(kind.__doc__ or '').partition(chr(10))[0]}" for kind in kinds)
        found[str(status)] = {
            "description": described,
            "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(model=Problem.__name__)}}},
        }
    return found


def _errors(tool: Tool[Any, Any]) -> list[type[ShopError]]:
    found: list[type[ShopError]] = [*tool.raises, *errors.OF_EVERY_CALL]
    if tool.path_fields or any("x-reference" in str(field) for field in tool.schema.get("properties", {}).values()):
        found += [errors.NotFound, errors.Ambiguous]
    if tool.heavy:
        found.append(errors.TooManyReports)
    if tool.method in ("POST", "PUT", "PATCH"):
        found += [TooLarge, WrongMediaType]
    if tool.writes:
        found += [*errors.OF_EVERY_WRITE, errors.AlreadyTaken, errors.IllegalMove, Rejected, NotCarriedOut]
    if tool.writes and "version" in tool.input.model_fields:
        found += [errors.StaleVersion, *([errors.VersionRequired] if tool.version_required else [])]
    return found


def _component(model: type[BaseModel]) -> str:
    """The name that pydantic gives a model's schema: a page's brackets become underscores."""
    return model.__name__.replace("[", "_").replace("]", "_")


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
