"""Results with a secret: shown once, stored nowhere."""

from tools.contract.declare import O
from tools.contract.fields import Secret


def without_secrets(result: O) -> O:
    """The result as the ledger may keep it: fields marked `Secret` are null."""
    marked = [
        name for name, field in type(result).model_fields.items() if any(isinstance(m, Secret) for m in field.metadata)
    ]
    return result.model_copy(update=dict.fromkeys(marked)) if marked else result
