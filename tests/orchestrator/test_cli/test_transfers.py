"""Files on the command line: a path is uploaded, a job is followed, a file is written and never over another."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.installation import Urls
from orchestrator.settings import Settings
from orchestrator.surfaces.cli import app
from tests.factories import NewShop
from tests.live import served
from tests.sheets import LAMP, MUG, sheet

pytestmark = pytest.mark.xdist_group("cli")
IMPORT, EXPORT = ("products", "import-products", "--file"), ("products", "export-products")


class Shell:
    """The command line with its environment."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    async def __call__(self, *words: str | Path) -> Result:
        return await asyncio.to_thread(
            CliRunner().invoke, app, [str(word) for word in words], env=self.environment | {"COLUMNS": "150"}
        )


@pytest.fixture
def here(mine: NewShop, runtime_url: str, tmp_path: Path) -> Shell:
    """In process, where no worker runs."""
    kept = {
        "ADDRESS": "",
        "EMAIL": "",
        "PASSWORD": "",
        "SHOPKEEPER_KEY": "",
        "MERCHANT": mine.id,
        "USER": mine.users["owner"],
    }
    home = tmp_path / "home"
    home.mkdir()
    (home / "credentials").write_text("".join(f"{name}={value}\n" for name, value in kept.items()))
    return Shell({"SHOPKEEPER_HOME": str(home), "DATABASE_URL": runtime_url})


async def test_a_sheet_goes_in_and_out_by_its_path(here: Shell, tmp_path: Path) -> None:
    await into_the_shop_and_out_of_it(here, tmp_path)


async def test_the_same_over_http_where_the_servers_worker_does_it(
    mine: NewShop, settings: Settings, runtime_url: str, tmp_path: Path
) -> None:
    key = await mine.key_text(scopes=["*"])
    with served(settings, Urls(runtime_url, None, runtime_url, None), worker=True) as url:
        await into_the_shop_and_out_of_it(Shell({"SHOPKEEPER_URL": url, "SHOPKEEPER_KEY": key}), tmp_path)


async def into_the_shop_and_out_of_it(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "lamps.csv"
    path.write_bytes(sheet(LAMP, MUG))

    imported = await shell(*IMPORT, path)
    written = await shell(*EXPORT, "--to", tmp_path / "out.csv")
    content = (tmp_path / "out.csv").read_bytes()
    again = await shell(*EXPORT, "--to", tmp_path / "out.csv")

    assert imported.exit_code == 0, imported.output
    assert "imported" in imported.stdout
    assert written.exit_code == 0, written.output
    assert content.count(b"\r\n") == 3
    assert again.exit_code == 1
    assert "lies there already" in again.output
    assert (tmp_path / "out.csv").read_bytes() == content
    assert (await shell(*EXPORT, "--to", tmp_path / "out.csv", "--overwrite")).exit_code == 0


async def test_a_failed_import_ends_with_1_and_its_errors_are_written_down(here: Shell, tmp_path: Path) -> None:
    path = tmp_path / "lamps.csv"
    path.write_bytes(sheet(LAMP, MUG | {"Variant Price": "much"}))

    failed = await here(*IMPORT, path)
    job = failed.output.split("shopkeeper job ")[1].split()[0]
    errors = await here("job", job, "--errors", "--to", tmp_path)

    assert failed.exit_code == 1
    assert errors.exit_code == 0, errors.output
    assert "3,Variant Price,much is not an amount." in (tmp_path / f"{job}-errors.csv").read_text()


async def test_a_path_where_nothing_lies_and_a_job_that_is_none_are_told(here: Shell) -> None:
    nowhere = await here(*IMPORT, "nowhere.csv")
    unknown = await here("job", "JOB-99")

    assert (nowhere.exit_code, unknown.exit_code) == (1, 1)
    assert "There is no file nowhere.csv." in nowhere.output
    assert "There is no job JOB-99." in unknown.output
