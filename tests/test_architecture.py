"""The house, held by tests: the same word on every floor, small files, imports that point one way."""

import importlib.metadata
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

from agents.roster import ROSTER
from orchestrator.index import read_index
from planner.read import learned
from tools import registry
from tools.document import states_page, tools_page

ROOT = Path(__file__).parents[1]
PACKAGES = ("orchestrator", "agents", "tools", "prompts", "db", "planner", "importers")
LONGEST_FILE = 500


def sources() -> list[Path]:
    folders = (*PACKAGES, "connectors", "tests", "bench")
    return [path for folder in folders for path in (ROOT / folder).rglob("*.py") if "versions" not in path.parts]


@pytest.mark.parametrize("room", registry.ROOMS)
def test_a_room_has_the_same_name_on_every_floor(room: str) -> None:
    for floor in ("db/models", "tools", "agents"):
        assert (ROOT / floor / f"{room}.py").exists() or (ROOT / floor / room).is_dir(), f"{floor} has no {room}"
    assert (ROOT / "prompts" / f"{room}.md").exists()
    assert (ROOT / "prompts" / f"{room}.examples.md").exists()
    assert list((ROOT / "tests/tools").glob(f"test_{room.removesuffix('s')}*.py"))


def test_no_room_is_half_built() -> None:
    def named(floor: str, ending: str) -> set[str]:
        return {path.name.removesuffix(ending) for path in (ROOT / floor).glob(f"*{ending}")}

    behaviours = {path.stem for path in (ROOT / "prompts").glob("*.md") if "." not in path.stem}
    assert behaviours - {"supervisor", "house_rules"} == set(registry.ROOMS)
    assert named("agents", ".py") - {"__init__", "specialist", "chat_tool", "lean", "marks", "told", "roster"} == set(
        registry.ROOMS
    )
    assert [specialist.room for specialist in ROSTER] == list(registry.ROOMS)


def test_a_specialist_holds_its_rooms_tools_that_are_not_for_people_alone() -> None:
    for specialist in ROSTER:
        theirs = {tool.name for tool in registry.tools_of(specialist.room) if not tool.for_people}
        assert set(specialist.tools) == theirs


def test_an_agent_is_under_forty_lines() -> None:
    for room in registry.ROOMS:
        assert len((ROOT / "agents" / f"{room}.py").read_text().splitlines()) < 40


def test_files_stay_small_enough_to_read() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in sources()
        if (count := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert not long


def test_the_path_into_a_tool_stays_short() -> None:
    code = [line for line in (ROOT / "tools/contract/call.py").read_text().splitlines() if line.strip()]
    assert len(code) <= 150


def test_the_environment_is_read_in_one_place() -> None:
    """Two libraries' own variables are read where they are used: PG_BIN_DIR by the launcher, COLUMNS for the terminal."""
    reads = re.compile(r"environ\[|environ\.get|getenv|in os\.environ")
    product = {
        path for path in sources() if not {"tests", "bench"} & set(path.parts) and reads.search(path.read_text())
    }
    assert product <= {ROOT / "orchestrator/surfaces/cli/show.py", ROOT / "db/embedded/host.py"}


def test_the_time_is_asked_in_one_place() -> None:
    """`db/clock.py`, which tests may set to another day. The planner, which imports nothing of ours, is told the time."""
    asks = re.compile(r"datetime\.now\(|datetime\.utcnow\(|date\.today\(|time\.time\(")
    exempt = {ROOT / "db/clock.py", ROOT / "planner/converse/memory.py", ROOT / "tests/settled.py", Path(__file__)}
    assert not [
        path for path in sources() if path not in exempt and path.parts[-2] != "bench" and asks.search(path.read_text())
    ]


def test_what_tests_draw_is_drawn_from_a_seed() -> None:
    """`chance` of tests/settled.py, or a `random.Random` with its seed. Names that only have to differ may be uuid4's."""
    draws = re.compile(
        r"\brandom\.(?!Random\()[a-z]+\(|Random\(\)|os\.urandom|secrets\.(token|choice|rand)|SystemRandom"
    )
    exempt = {ROOT / "tests/settled.py", Path(__file__)}
    assert not [
        path for path in (ROOT / "tests").rglob("*.py") if path not in exempt and draws.search(path.read_text())
    ]


def test_what_begins_with_an_underscore_is_used_in_its_module_and_imported_nowhere() -> None:
    """Attributes, and `module._name`, are ruff's and pyrefly's to see. What is decorated may be used by what decorates it."""
    ours = "|".join((*PACKAGES, "connectors", "tests", "bench"))
    imported = re.compile(rf"^ *from (?:{ours})\b[\w.]* import (\([^)]*\)|[^\n(]*)", re.MULTILINE)
    made = re.compile(r"^\n(?:async def|def|class) (_(?!_)\w+)", re.MULTILINE)
    wrong: list[str] = []
    for path in sources():
        text = path.read_text()
        wrong += [f"{path} imports {names}" for names in imported.findall(text) if re.search(r"\b_\w", names)]
        wrong += [
            f"{path} never uses {name}" for name in made.findall(text) if len(re.findall(rf"\b{name}\b", text)) < 2
        ]
    assert not wrong


def test_a_model_that_our_code_makes_is_exact() -> None:
    """The type checker holds its makers to its fields' types: `db/exact.py`."""
    plain = re.compile(r"^class \w+\(BaseModel\b", re.MULTILINE)
    made_here = [path for floor in ("db", "tools", "importers", "agents") for path in (ROOT / floor).rglob("*.py")]
    assert [path for path in made_here if plain.search(path.read_text())] == [ROOT / "db/exact.py"]


def test_tools_never_commit_and_never_open_a_second_connection() -> None:
    for path in [*(ROOT / "tools").rglob("*.py")]:
        if "contract" not in path.parts:
            assert not re.search(r"\.commit\(|\.transaction\(|begin_nested|\.connection\(", path.read_text()), path


def test_generated_documents_are_up_to_date() -> None:
    assert (ROOT / "docs/tools.md").read_text() == tools_page(), "run `make docs`"
    assert (ROOT / "docs/states.md").read_text() == states_page(), "run `make docs`"


def test_what_the_planner_learned_was_learned_from_the_tools_of_today(caplog: pytest.LogCaptureFixture) -> None:
    read_index()

    assert not caplog.records, "run `make index`"


def test_all_code_that_makes_the_planners_features_counts_for_what_it_learned() -> None:
    """`learned.CODE` is what its functions import, and what that imports."""
    code, left = set[str](), {"learned"}
    while left:
        name = left.pop()
        code.add(name)
        lines = [line for line in (ROOT / f"planner/read/{name}.py").read_text().splitlines() if "import " in line]
        found = {word for line in lines if line.startswith("from planner") for word in re.findall(r"[a-z]+", line)}
        left |= {path.stem for path in (ROOT / "planner/read").glob("*.py")} & found - code
    assert code == set(learned.CODE)


def test_a_shop_without_a_language_model_imports_none_and_a_migrated_one_no_alembic() -> None:
    """What nobody asks for costs each start its time."""
    looking = "import sys, orchestrator.app, orchestrator.installation, orchestrator.surfaces.cli, uvicorn; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", looking], cwd=ROOT, capture_output=True, text=True).stdout.split()
    )
    assert "orchestrator.app" in loaded
    assert not loaded & {
        "openai",
        "langchain_openai",
        "alembic",
        "onnxruntime",
        "tokenizers",
        "db.seed.demo",
        "hypothesis",
    }


def test_imports_point_one_way() -> None:
    """The contracts of pyproject.toml, with import-linter."""
    checked = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout


def test_no_import_comes_back_to_where_it_began() -> None:
    """Also not one that is made late, inside a function."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}

    TopologicalSorter(imports).prepare()


def test_no_dependency_brings_a_package_of_one_of_our_names() -> None:
    owners = importlib.metadata.packages_distributions()
    strangers = {name: owners[name] for name in PACKAGES if set(owners.get(name, ())) - {"shopkeeper"}}
    assert not strangers


def test_the_locked_requirements_name_no_address() -> None:
    locks = [file.read_text() for file in ROOT.glob("requirements*.txt")]

    assert len(locks) == 5
    for text in locks:
        assert "--hash=sha256:" in text
        assert not re.search(r"https?://|--index|--extra-index|file:", text)
