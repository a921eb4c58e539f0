"""Addresses of databases: what is wrong with one is said in plain words, and never with the password in it."""

import psycopg
import pytest
from pydantic import ValidationError

from db.migrate import upgrade
from orchestrator.settings import Settings
from orchestrator.surfaces.cli.troubles import plainly


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_DIRECT_URL", "DATABASE_REPLICA_URL"])
def test_an_address_that_cannot_be_read_is_refused_without_repeating_its_password(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({name: "postgresql+psycopg://app_rt:secret@127.0.0.1/shop"})

    message, _ = plainly(refused.value) or ("", "")
    assert name in message
    assert "write it as postgresql://" in message
    assert "secret" not in message


def test_migrating_a_database_that_does_not_answer_is_a_trouble_in_plain_words() -> None:
    with pytest.raises(psycopg.OperationalError) as refused:
        upgrade("postgresql://app_owner:secret@127.0.0.1:1/shop")

    message, advice = plainly(refused.value) or ("", "")
    assert "The database does not answer" in message
    assert advice
