"""A plugin that knows which of the shop's errors the tests have raised: in a full run each declared one has to be among them."""

from typing import Any

import pytest

from tools import registry
from tools.contract.errors import ShopError

_raised: set[str] = set()
_init = ShopError.__init__


def _remember(self: ShopError, *args: Any, **more: Any) -> None:
    _raised.add(type(self).__name__)
    _init(self, *args, **more)


def pytest_configure() -> None:
    ShopError.__init__ = _remember  # pyrefly: ignore[method-assign]  # in every subclass


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _raised.update(getattr(node, "workeroutput", {}).get("raised", ()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["raised"] = sorted(_raised)
    elif _is_full(session.config) and (missing := _declared() - _raised):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line(f"No test raises {', '.join(sorted(missing))}, which tools declare.", red=True)


def _declared() -> set[str]:
    return {error.__name__ for tool in registry.tools().values() for error in tool.raises}


def _is_full(config: pytest.Config) -> bool:
    narrowing = ("keyword", "markexpr", "collectonly", "lf")
    narrowed = any(getattr(config.option, option, None) for option in narrowing)
    return not narrowed and [str(arg) for arg in config.args] == config.getini("testpaths")
