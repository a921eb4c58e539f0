"""`shopkeeper explain`: stage by stage, what a sentence was taken for, without a shop."""

from typer.testing import CliRunner

from orchestrator.surfaces.cli import app


def explained(*arguments: str) -> list[tuple[str, str]]:
    """Stages and their lines."""
    told = CliRunner().invoke(app, ["explain", *arguments], catch_exceptions=False)
    assert told.exit_code == 0
    return [(line[:8].strip(), line[10:]) for line in told.stdout.splitlines()]


def test_each_stage_tells_what_it_made_of_the_sentence() -> None:
    told = explained("cancel order ORD-1042, the customer changed her mind")

    assert [stage for stage, _ in dict.fromkeys((stage, "") for stage, _ in told)] == [
        "read",
        "choose",
        "fill",
        "decide",
    ]
    assert any("ORD-1042" in line for stage, line in told if stage == "read")
    assert told[-1][1].startswith("calls cancel_order {'order': 'ORD-1042'")


def test_several_wishes_and_what_is_not_here_are_told_apart() -> None:
    told = explained("print the packing slip for ORD-1042 and show me what is running low")

    assert told[0] == ("read", "2 wishes: print the packing slip for ORD-1042 | show me what is running low")
    assert ("decide", "declines: planned create_packing_slip") in told
    assert told[-1] == ("decide", "calls low_stock_products {}")


def test_a_zone_that_is_none_is_named() -> None:
    refused = CliRunner().invoke(app, ["explain", "hello", "--zone", "Mars/Olympus"])

    assert refused.exit_code == 2
    assert "Mars/Olympus is no time zone" in refused.output
