"""The site of the documentation, as far as it can be checked without mkdocs: its nav, links, marks and workflows."""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import alumbench
from alumbench.attacks.outcome import OUTCOME_WORDS
from alumbench.models.checkpoint.provenance import Training
from alumbench.records import Answered, Attacked, Worst
from docs.field_tables import descriptions, fields_table
from tests.conftest import REPOSITORY
from tests.public_types import attributes_set_in, fields_of, own_classes, types_named_by

DOCS = REPOSITORY / "docs"
PACKAGES = ("alumbench", "experiments")
PAGES = sorted(DOCS.glob("*.md"))
YAML = [*sorted(REPOSITORY.glob(".github/workflows/*.yml")), REPOSITORY / ".pre-commit-config.yaml"]


class Loader(yaml.SafeLoader):
    """YAML with the `!ENV` of mkdocs, which stands for a variable of the environment."""


Loader.add_constructor("!ENV", lambda loader, node: "")


def in_nav(part: Any) -> list[str]:
    """The pages that a part of the nav names."""
    if isinstance(part, str):
        return [part]
    return [page for inner in (part.values() if isinstance(part, dict) else part) for page in in_nav(inner)]


def _named(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_the_nav_names_every_page_once_and_nothing_else() -> None:
    site = yaml.load((REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"), Loader)
    assert sorted(in_nav(site["nav"])) == [page.name for page in PAGES] and not list(DOCS.glob("*/*.md"))
    for named in [*site["hooks"], *(f"docs/{css}" for css in site["extra_css"])]:
        assert (REPOSITORY / named).is_file(), named


@pytest.mark.parametrize(
    "page", [*PAGES, REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"], ids=lambda page: page.name
)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {link}"
        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, f"{page.name}: {link}"


def entries() -> dict[Any, str]:
    """What the pages of the API describe, each with its options."""
    found = {}
    for page in ("api.md", "api-types.md"):
        text = (DOCS / page).read_text(encoding="utf-8")
        for path, options in re.findall(r"^::: (\S+)\n((?:    .*\n)*)", text, re.MULTILINE):
            module, _, name = path.rpartition(".")
            found[getattr(importlib.import_module(module), name)] = options
    return found


def described_attributes(cls: type) -> set[str]:
    """The names below `Attributes:` in its docstring and in those of the classes it extends."""
    texts = [inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")[2] for base in own_classes(cls)]
    return {
        name for text in texts for name in re.findall(r"^ {4}(\w+): ", re.split(r"\n(?=\S)", text)[0], re.MULTILINE)
    }


def formats() -> set[str]:
    """The structs whose fields the page of the formats lists."""
    return set(re.findall(r"<!-- fields: (\S+) -->", (DOCS / "formats.md").read_text(encoding="utf-8")))


def test_the_reference_has_every_public_name() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    missing = [name for name in alumbench.__all__ if getattr(alumbench, name) not in entries()]
    assert missing == ["Classifier"] and text.count('heading: "Classifier.from_') == 4


@pytest.mark.parametrize("name", alumbench.__all__)
def test_every_type_that_a_public_signature_names_is_in_the_reference(name: str) -> None:
    named = types_named_by(getattr(alumbench, name)) - {Worst}  # computed for comparisons, in no `Evaluation.records`
    missing = {f"{cls.__module__}.{cls.__qualname__}" for cls in named - entries().keys()} - formats()
    assert not missing


def test_the_walk_finds_types_wherever_they_are_named() -> None:
    """In annotations that only type checkers resolve, in aliases, in fields and in methods."""
    found = {cls.__name__ for cls in types_named_by(alumbench.Leaderboard) | types_named_by(alumbench.Evaluation)}
    assert {"Table", "Replayed", "Document", "Measure", "Flag", "Attacked", "Evaluation"} <= found
    assert {"Example"} <= {cls.__name__ for cls in types_named_by(alumbench.TrainingData)}
    assert {"Task"} <= {cls.__name__ for cls in types_named_by(alumbench.Checkpoint)}


@pytest.mark.parametrize("cls", [cls for cls in entries() if isinstance(cls, type)], ids=lambda cls: cls.__name__)
def test_every_field_of_a_type_in_the_reference_is_described(cls: type) -> None:
    assert set(fields_of(cls)) <= described_attributes(cls)


@pytest.mark.parametrize("name", [name for name in alumbench.__all__ if isinstance(getattr(alumbench, name), type)])
def test_what_a_public_class_offers_is_documented_on_purpose(name: str) -> None:
    """By name: a member without an underscore that nobody listed is public by accident."""
    known = entries()
    for base in own_classes(getattr(alumbench, name)) if name != "Classifier" else []:
        listed = re.search(r"members: \[(.*)\]", known.get(base, ""))
        members = set(listed[1].split(", ")) if listed else set()
        offered = {member for member in vars(base) if not member.startswith("_")} | attributes_set_in(base)
        described = described_attributes(base)
        assert members | (offered & described) == offered, f"{base.__name__}: list its members, or hide them"
        assert all(inspect.getdoc(getattr(base, member)) for member in members)


#: Code that users copy: pages, examples and the package that `docs/plug-ins.md` shows.
COPIED = [*PAGES, REPOSITORY / "README.md", *sorted(REPOSITORY.glob("examples/*.*"))]
COPIED += sorted(REPOSITORY.glob("tests/plugin_package/*/*.py"))


@pytest.mark.parametrize("path", COPIED, ids=lambda path: path.name)
def test_what_users_copy_imports_public_names_alone(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace('\\n"', "\n").replace('"', " ")
    assert not re.findall(r"^\s*(?:from|import) +alumbench\.\S+", text, re.MULTILINE)
    for names in re.findall(r"^\s*from alumbench import (.*)$", text, re.MULTILINE):
        assert set(re.split(r",\s*", names.strip())) <= set(alumbench.__all__)


def structs() -> list[type[msgspec.Struct]]:
    """Every struct of alumbench and its experiments: what JSON files hold."""
    for path in sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py")):
        if "Struct" in path.read_text(encoding="utf-8"):
            importlib.import_module(".".join(path.relative_to(REPOSITORY).with_suffix("").parts))
    found, new = set[type[msgspec.Struct]](), [msgspec.Struct]
    while new:
        new = [inner for cls in new for inner in cls.__subclasses__()]
        found |= {cls for cls in new if cls.__module__.partition(".")[0] in PACKAGES}
    return sorted(found, key=lambda cls: f"{cls.__module__}.{cls.__name__}")


@pytest.mark.parametrize("struct", structs(), ids=lambda struct: struct.__name__)
def test_docstrings_describe_every_field_of_a_struct_and_no_other(struct: type[msgspec.Struct]) -> None:
    assert set(descriptions(struct)) == set(struct.__struct_fields__)
    assert all(descriptions(struct).values())


def test_the_formats_show_every_struct_that_is_written() -> None:
    shown = re.findall(r"<!-- fields: (\S+) -->", (DOCS / "formats.md").read_text(encoding="utf-8"))
    written = {f"{cls.__module__}.{cls.__name__}" for cls in structs() if not cls.__subclasses__() and cls is not Worst}
    assert sorted(shown) == sorted(written | {f"{Training.__module__}.{Training.__name__}"})
    for path in shown:
        assert fields_table(path).count("\n| `") == len(descriptions(_named(path))), path


def test_words_for_outcomes_are_the_same_in_the_docs() -> None:
    text = (DOCS / "reading-tables.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines() if "| `" in line]
    written = {row[0].strip("`"): tuple(row[1:]) for row in rows if row[0].strip("`") in OUTCOME_WORDS}
    assert written == {key: (each.words, each.textattack or "–", each.meaning) for key, each in OUTCOME_WORDS.items()}
    fields = [field for cls in (Answered, Attacked) for field in msgspec.structs.fields(cls) if field.name == "outcome"]
    assert list(OUTCOME_WORDS) == [key for field in fields for key in typing.get_args(field.type)]


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_workflows_parse_and_run_what_is_there(path: Path) -> None:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    steps = [step for job in found.get("jobs", {}).values() for step in job["steps"]]
    assert found.get("repos") or any("run" in step for step in steps)
    targets = set(re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    made = [
        word
        for step in steps
        for words in re.findall(r"make ([\w\- ]+)", step.get("run", ""))
        for word in words.split()
    ]
    assert {word for word in made if word.islower()} <= targets


def test_the_readme_is_short() -> None:
    words = (REPOSITORY / "README.md").read_text(encoding="utf-8").split()
    assert 500 <= len(words) <= 700
