"""Results with a secret: shown once, stored nowhere."""

from pydantic import BaseModel

from tools.contract.declare import O
from tools.contract.fields import Secret


def secret_fields(result: type[BaseModel]) -> list[str]:
    """The fields of a result that are marked `Secret`."""
    return [name for name, field in result.model_fields.items() if any(isinstance(m, Secret) for m in field.metadata)]


def takes_secrets(asked: type[BaseModel]) -> bool:
    """Whether an input has a secret, such as a password: no card may keep it."""
    return any("SecretStr" in str(field.annotation) for field in asked.model_fields.values())


def without_secrets(result: O) -> O:
    """The result as the ledger may keep it: fields marked `Secret` are null."""
    marked = secret_fields(type(result))
    return result.model_copy(update=dict.fromkeys(marked)) if marked else result
