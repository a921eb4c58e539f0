"""Statements with named or bare parameters, as they are sent."""

from db.numbered import numbered


def test_a_name_has_one_number_wherever_it_stands() -> None:
    statement = numbered("select %(b)s, %(a)s::text || '%%' where %(b)s > 0")

    assert statement.text == b"select $1, $2::text || '%' where $1 > 0"
    assert statement.ordered({"a": "x", "b": 2, "more": None}) == [2, "x"]


def test_bare_parameters_are_numbered_as_they_come() -> None:
    statement = numbered("select %s, %s like 'a%%'")

    assert statement.text == b"select $1, $2 like 'a%'"
    assert statement.ordered((1, 2)) == (1, 2)


def test_a_statement_without_parameters_may_be_given_some() -> None:
    assert numbered("select 1").ordered({"a": 1}) == ()
