"""What the OpenAPI document says of files and jobs."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from db.models.files import JobStatus
from orchestrator.surfaces.problems import MEDIA_TYPE


class FileTaken(BaseModel):
    """A file that was taken in."""

    file: str = Field(description="Its reference, such as `FILE-12`: what operations take.")
    name: str = Field(description="What it is called.")
    media_type: str = Field(description="Its media type.")
    size: int = Field(description="Bytes.")
    digest: str = Field(description="SHA-256 of its content, hexadecimal.")
    expires_at: datetime = Field(description="When it is deleted, UTC.")


class JobShown(BaseModel):
    """How far long work is, and what came of it."""

    job: str = Field(description="Its reference, such as `JOB-12`.")
    tool: str = Field(description="The operation that began it.")
    status: JobStatus = Field(description="queued, running, done or failed.")
    asked_by: str = Field(description="Who asked for it.")
    arguments: dict[str, Any] = Field(description="What was asked.")
    step: str | None = Field(description="What it does at the moment.")
    total: int | None = Field(description="Lines to go through, about; null before they were counted.")
    done: int = Field(description="Lines gone through.")
    failed: int = Field(description="Things that are wrong with them.")
    result: dict[str, Any] | None = Field(description="What it came to.")
    problem: dict[str, Any] | None = Field(description="Why it failed: code, message, hint.")
    created_at: datetime = Field(description="When it was asked for, UTC.")
    started_at: datetime | None = Field(description="When it began, UTC.")
    finished_at: datetime | None = Field(description="When it ended, UTC.")
    errors: str = Field(description="Where its errors are listed.")
    error_file: str = Field(description="The same as a CSV file.")


class JobErrorShown(BaseModel):
    """What could not be taken."""

    line: int = Field(description="The line of the file.")
    column: str = Field(description="Its column; empty where it is the whole line.")
    code: str = Field(description="What kind of error.")
    message: str = Field(description="What is wrong.")
    hint: str = Field(description="What to do about it.")


class JobErrorPage(BaseModel):
    """A piece of the list."""

    data: list[JobErrorShown] = Field(description="In the order of the file.")
    next: str | None = Field(description="Given as `after` for the following piece.")
    has_more: bool = Field(description="Whether there is one.")


OUTPUTS: tuple[type[BaseModel], ...] = (FileTaken, JobShown, JobErrorPage)
_REFUSED = {
    400: "It cannot be read, or has no Idempotency-Key.",
    401: "Nobody is known by that key or session.",
    403: "It came from another site, or nothing could be done with a file by whoever sends it.",
    404: "There is no such job of the caller's.",
    413: "The file is too large, or the shop has no more room for files.",
    415: "The body is no form, or the file of a kind that no operation reads.",
    422: "A value cannot be as it is.",
    429: "Too often.",
    503: "Every connection is in use.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Names the file: sent again, it is taken in once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_JOB = {
    "name": "job", "in": "path", "required": True, "description": "Its reference, such as `JOB-12`.",
    "schema": {"type": "string", "pattern": "^[^/]+$"},
}  # fmt: skip
_PAGE = [
    {
        "name": "limit", "in": "query", "required": False, "description": "How many at most.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    },
    {
        "name": "after", "in": "query", "required": False, "description": "The `next` of the page before.",
        "schema": {"type": "string"},
    },
]  # fmt: skip
_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
                "required": ["file"],
            },
            "example": {"file": "Handle,Title,Variant SKU,Variant Price\nmug,Stone mug,MUG-STONE,12.00\n"},
        }
    },
}


def paths() -> dict[str, dict[str, Any]]:
    """Below `/api/v1`."""
    report = {"description": "The file.", "content": {"text/csv": {"schema": {"type": "string"}}}}
    upload = _operation("upload_file", "Upload a file for an operation.", {"201": _shown("Taken in.", FileTaken)}, _KEY)
    return {
        "/files": {"post": upload | {"requestBody": _FORM}},
        "/jobs/{job}": {
            "get": _operation("get_job", "Show how far a job is.", {"200": _shown("The job.", JobShown)}, _JOB)
        },
        "/jobs/{job}/errors": {
            "get": _operation(
                "list_job_errors",
                "List what a job could not take.",
                {"200": _shown("Errors.", JobErrorPage)},
                _JOB,
                *_PAGE,
            )
        },
        "/jobs/{job}/errors.csv": {
            "get": _operation("download_job_errors", "Download the same as a CSV file.", {"200": report}, _JOB)
        },
    }


def _operation(name: str, summary: str, answers: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refused = {str(status): {"description": why, "content": problem} for status, why in _REFUSED.items()}
    return {
        "operationId": name, "tags": ["files"], "summary": summary, "parameters": list(parameters),
        "responses": answers | refused,
    }  # fmt: skip


def _shown(description: str, model: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
