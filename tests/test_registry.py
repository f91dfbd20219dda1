"""Names, entry points and paths: who is meant, who clashes, what is broken, and what is imported for it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import alumbench
from alumbench.attacks import load_recipe
from alumbench.cli import group
from alumbench.data import load_task
from alumbench.errors import AlumbenchError
from alumbench.evaluation.suite import load_suite
from alumbench.methods import load_method, make_method, method_names
from alumbench.methods.method import method_record
from alumbench.origins import Origin
from alumbench.registry import CLASSIFIERS, KINDS, METHODS, RECIPES, SUITES, TASKS, find, listed, names
from alumbench.training.regeneration import slot_count

METHOD = """
from dataclasses import dataclass
from alumbench.methods import Loss, Method

@dataclass(frozen=True)
class Mine(Method):
    name = "mine"
    source = "http://localhost"
    scale: float = 2.0

    def loss(self, model, batch, step):
        return Loss(self.scale * model(**batch).loss)

METHOD = Mine
"""
RECIPE = (
    "from alumbench.attacks import Recipe\n"
    "RECIPE = OTHER = Recipe(name='mine', version=3, build=print, source='https://x', description='p')\n"
)
SUITE = 'name = "mine"\nversion = 1\ntitle = "t"\n[[entry]]\nname = "clean"\nkind = "clean"\n'
TASK = 'title = "t"\ncolumns = ["text"]\nlabels = ["a", "b"]\n[[train]]\nfile = "train.csv"\n'
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a distribution on the path: its entry points by kind, and its files."""
    modules: list[str] = []

    def put(package: str, points: dict[str, dict[str, str]], files: dict[str, str] | None = None) -> Path:
        site = tmp_path / package
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        groups = [
            f"[alumbench.{kind}s]\n" + "".join(f"{k} = {v}\n" for k, v in of.items()) for kind, of in points.items()
        ]
        (info / "entry_points.txt").write_text("\n".join(groups))
        for name, text in (files or {}).items():
            (site / name).parent.mkdir(exist_ok=True)
            (site / name).write_text(text)
            modules.append(name.partition("/")[0].removesuffix(".py"))
        monkeypatch.syspath_prepend(str(site))
        return site

    yield put
    for module in modules:
        sys.modules.pop(module, None)


def test_each_kind_comes_from_a_package_and_nothing_is_imported_to_be_listed(install: Install) -> None:
    files = {"mine_one.py": METHOD, "mine_two.py": RECIPE, "mine_three/__init__.py": "", "mine_three/mine.toml": SUITE}
    points = {"method": {"mine": "mine_one"}, "recipe": {"mine": "mine_two:OTHER"}, "suite": {"mine": "mine_three"}}
    install("one", {**points, "classifier": {"mine": "mine_four:Mine"}}, files)
    for kind in (METHODS, RECIPES, SUITES, CLASSIFIERS):
        assert "mine" in names(kind) and "mine" not in names(kind, built_in=True)
        assert find(kind, "mine").source == "one 1.0" and not {"mine_one", "mine_two"} & set(sys.modules)
    assert load_method("mine")().scale == 2.0 and load_recipe("mine").signature == "mine@3"
    suite = load_suite("mine")
    assert suite.origin.package == "one" and suite.origin.module == "mine_three"
    record = method_record("mine", make_method("mine", {"scale": 3}))
    assert record["changed"] == ["scale"] and record["origin"]["version"] == "1.0"


def test_what_came_with_the_package_says_nothing_of_its_origin() -> None:
    for kind in KINDS:
        for found in listed(kind):
            assert found.built_in and found.origin().record() == {} and not found.problem
    assert method_record("alum", make_method("alum", {})).keys() == {"name", "parameters"}
    assert "origin" not in load_task("sst2").to_dict() and not load_suite("smoke").origin


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("alum", r"method alum \(.*both alumbench/methods/alum.py and two 1.0, there.py have this name"),
        ("same", r"both one 1.0, here.py and two 1.0, there.py have this name; uninstall one of the packages"),
    ],
)
def test_a_name_that_two_give_is_refused_with_both_and_the_others_are_not(
    install: Install, other: str, message: str
) -> None:
    install("two", {"method": {other: "there"}}, {"there.py": METHOD})
    install("one", {"method": {"same": "here"}}, {"here.py": METHOD})
    with pytest.raises(AlumbenchError, match=message.replace("here.py", "(t?here).py")):
        load_method(other)
    assert load_method("fgm").name == "fgm" and method_names().count(other) == 1
    listing = CliRunner().invoke(group, ["methods"])
    assert listing.exit_code == 0 and "have this name" in listing.output


@pytest.mark.parametrize("kind", ["method", "recipe", "task", "suite"])
def test_a_broken_plug_in_is_listed_with_the_reason_and_hides_no_other(install: Install, kind: str) -> None:
    install("bad", {kind: {"mine": "bad_one", "mine2": "no such!"}}, {"bad_one/__init__.py": "1 / 0"})
    listing = CliRunner().invoke(group, [f"{kind}s"])
    assert listing.exit_code == 0, listing.output
    lines = [line for line in listing.output.splitlines() if "[from bad 1.0]" in line]
    assert len(lines) == 2 and all("broken: " in line for line in lines)
    assert "is not MODULE or MODULE:NAME" in lines[1] and "bad 1.0, bad_one" in lines[0]
    loads = {"method": load_method, "recipe": load_recipe, "task": load_task, "suite": load_suite}
    with pytest.raises(AlumbenchError, match=rf"{kind} mine \(bad 1.0, bad_one.*\)") as told:
        loads[kind]("mine")
    assert "\n" not in str(told.value)
    assert len(listing.output.splitlines()) > 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("raise SystemExit(3)", "cannot be loaded: SystemExit: 3"),
        ("x = 1", "cannot be loaded: AttributeError"),
        ("METHOD = 3", "METHOD must be a class that extends Method"),
        (METHOD.replace('"mine"', '"alum"'), "its name 'alum' is that of a method of alumbench; give it another"),
        (METHOD.replace('name = "mine"', ""), "its name None is not valid"),
        (METHOD.replace('"mine"', '"a b"'), "its name 'a b' is not valid"),
    ],
)
def test_a_file_that_is_no_method_is_one_line_with_its_path(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "mine.py").write_text(content)
    with pytest.raises(AlumbenchError, match=message) as told:
        load_method(str(tmp_path / "mine.py"))
    assert str(told.value).startswith(f"method {tmp_path}/mine.py: ") and "\n" not in str(told.value)


def test_a_path_is_read_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for scale in ("2.0", "4.0"):
        Path("mine.py").write_text(METHOD.replace("2.0", scale).replace("METHOD =", "OTHER ="))
        method = make_method("./mine.py:OTHER", {})
        assert method.parameters() == {"scale": float(scale)}
        assert (
            Origin.of(Path("mine.py").read_bytes(), file="mine.py").record()
            == method_record("mine.py", method)["origin"]
        )
    with pytest.raises(AlumbenchError, match="nowhere.py: no such file"):
        load_method("./nowhere.py")


def test_a_suites_recipe_begins_in_its_folder_and_says_so_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = '[[entry]]\nname = "a"\nkind = "attack"\nrecipe = "./mine.py:RECIPE@3"\n'
    digests = set()
    for folder in ("one@1", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(RECIPE)
        (tmp_path / folder / "s.toml").write_text(SUITE + entry)
        suite = load_suite(str(tmp_path / folder / "s.toml"))
        assert suite.entries[1].load_recipe().signature == "mine@3"
        assert suite.entries[1].origin().signature.startswith("from:mine.py:")
        digests.add(suite.digest())
    assert len(digests) == 1
    monkeypatch.chdir(tmp_path / "two")
    for old, new, message in (
        ("@3", "@2", r"asks for mine.py:RECIPE@2, mine.py \(SHA-256 .*\) has mine@3"),
        ("@3", "", "asks for mine.py:RECIPE, mine.py .* has mine@3"),
        ("mine.py", "none.py", "none.py: no such file"),
        ("attack", "embedding", "recipe mine is for entries of kind attack, this is of embedding"),
    ):
        Path("t.toml").write_text(SUITE + entry.replace(old, new))
        with pytest.raises(AlumbenchError, match=message):
            load_suite("t.toml")


def test_a_task_of_a_file_finds_its_tables_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TASK)
    (tmp_path / "train.csv").write_text("text,label\ngood,a\nbad,b\n")
    task = load_task(str(tmp_path / "mine.toml"))
    assert task.name == "mine" and len(task.train[0].load()[0]["text"]) == 2
    assert task.to_dict()["origin"].keys() == {"file", "sha256"}
    (tmp_path / "sst2.toml").write_text(TASK)
    with pytest.raises(AlumbenchError, match="its name 'sst2' is that of a task of alumbench"):
        load_task(str(tmp_path / "sst2.toml"))
    (tmp_path / "mine.toml").write_text('origin = { package = "x" }\n' + TASK)
    with pytest.raises(AlumbenchError, match="unknown key 'origin'"):
        load_task(str(tmp_path / "mine.toml"))


def test_the_nearest_name_is_offered_of_plug_ins_too(install: Install) -> None:
    install("one", {"method": {"wobble": "here"}})
    with pytest.raises(AlumbenchError, match="unknown method 'woble'. Did you mean 'wobble'"):
        load_method("woble")


def test_names_need_no_torch() -> None:
    code = (
        "import sys\nfrom alumbench.registry import KINDS, names\n"
        "print([len(names(kind)) for kind in KINDS])\n"
        "sys.exit(f'{set(sys.modules)}' if {'torch', 'numpy', 'transformers', 'textattack'} & set(sys.modules) else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == str([len(names(kind, built_in=True)) for kind in KINDS])


def test_no_code_asks_which_method_it_has() -> None:
    """A method says of itself what is special about it; else a plug-in could not be special."""
    classes = {load_method(name).__name__ for name in names(METHODS, built_in=True)}
    asked = 0
    package = Path(alumbench.__file__)
    for path in {*package.parent.rglob("*.py")} - {package}:  # the public API has one method by name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"isinstance", "issubclass"}:
                asked += 1
                told = {one.id for one in ast.walk(node.args[1]) if isinstance(one, ast.Name)}
                told |= {one.attr for one in ast.walk(node.args[1]) if isinstance(one, ast.Attribute)}
                assert not told & classes, f"{path}: {ast.unparse(node)}"
            if isinstance(node, ast.Compare) and ast.unparse(node.left) == "method.name":
                raise AssertionError(f"{path}: {ast.unparse(node)}")
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("alumbench.methods."):
                kind = str(node.module).rpartition(".")[2]
                inside = "methods" in path.parts
                assert inside or kind in METHODS.others, f"{path} imports {node.module}"
    assert asked > 50 and "A2t" in classes


def test_a_method_says_how_many_rows_it_adds() -> None:
    assert slot_count(make_method("a2t", {"share": 0.01}), 96) == 1
    for values in ({"share": 0}, {"alpha": 0}):
        assert make_method("a2t", values).training_data() is None
    assert TASKS.suffix == ".toml"


def test_no_file_is_run_because_a_record_names_it(tmp_path: Path) -> None:
    """Checkpoints and boards are other people's: what they name is looked up by name alone."""
    from alumbench.leaderboard.submit import _changed
    from alumbench.models.checkpoint.provenance import MethodRecord

    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n{METHOD}")
    (tmp_path / "evil.toml").write_text(SUITE + '[[entry]]\nname = "a"\nkind = "attack"\nrecipe = "evil.py@1"\n')
    with pytest.raises(AlumbenchError, match="unknown method"):
        _changed(MethodRecord(name=str(tmp_path / "evil.py"), parameters={}))
    with pytest.raises(AlumbenchError, match="names the Python file evil.py@1, which runs only if you name the suite"):
        load_suite(str(tmp_path / "evil.toml"), run_files=False)
    assert not (tmp_path / "ran").exists()
