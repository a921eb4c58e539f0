"""Models whose makers give them what their fields are declared as."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict


class Exact(BaseModel):
    """What our code makes field by field. At run time a model like any other, which takes "12" for 12: rows and JSON are read so.

    pyrefly would let every maker do the same, and take anything for an enum; to it these models are strict.
    """

    if TYPE_CHECKING:
        model_config = ConfigDict(strict=True, extra="forbid")
