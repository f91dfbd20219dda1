"""The page of threat models: its table, its sections, and each of its examples as the code judges it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from alumbench.attacks.listing import threat_models_markdown
from alumbench.attacks.threat_models.references import load_family, load_threat_model
from alumbench.attacks.threat_models.threat_model import Family, PerturbationSet, ThreatModel
from alumbench.data import Example
from alumbench.evaluation.suite import load_suite
from alumbench.registry import THREAT_MODELS, names
from tests.attacks.threat_models.walking import around
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs/threat-models.md"
TEXT = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
EXAMPLES = re.findall(r"^(\S+)   (.+?)   ([→↛])   (.+)$", TEXT, re.MULTILINE)
FAMILIES = [load_family(name) for name in names(THREAT_MODELS, built_in=True)]
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="only in the repository")


def section_of(family: Family) -> str:
    """The text below the heading of a family, '' without one."""
    name = family.signature.partition("@")[0]
    found = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


@pytest.fixture
def set_around(request: pytest.FixtureRequest) -> Callable[[str, str], PerturbationSet]:
    """Makes the set around a text; skips where that needs data that is not here."""

    def made(reference: str, text: str) -> PerturbationSet:
        at = load_threat_model(reference)
        if at.model.needs:
            request.getfixturevalue("mirror")
        if problems := at.model.missing():
            pytest.skip(f"{reference} needs {'; '.join(problems)}")
        return around(at.model, [text], at.degree, **at.model.facts([Example("1", (text,), "x")]))

    return made


def test_the_table_is_up_to_date() -> None:
    assert threat_models_markdown() in TEXT, "alumbench threat-models --markdown gives the new table"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_each_threat_model_is_described(family: Family) -> None:
    section = section_of(family)
    if family.name.startswith("synonyms-"):  # parts of `synonyms`, in its section
        assert f"`{family.signature.partition('@')[0]}`" in section_of(load_family("synonyms"))
        return
    for what in ("**Degree**", "**Not promised**", "http"):
        assert what in section, what
    examples = [reference for reference, *_ in EXAMPLES if load_threat_model(reference).model is family]
    assert examples or not isinstance(family, ThreatModel) or family.required_models  # of which none is always here


def test_examples_are_found() -> None:
    assert len(EXAMPLES) > 15 and {sign for _, _, sign, _ in EXAMPLES} == {"→", "↛"}


@pytest.mark.parametrize(("reference", "before", "sign", "after"), EXAMPLES)
def test_examples_are_what_the_code_says(
    set_around: Callable[[str, str], PerturbationSet], reference: str, before: str, sign: str, after: str
) -> None:
    """A text of the set takes all steps that the degree allows."""
    after = re.sub(r"\\u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), after)
    members = set_around(reference, before)
    assert members.degree_of((after,)) == (members.largest if sign == "→" else None)


def test_the_suite_of_the_page_loads(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    (tmp_path / "two-edits.toml").write_text(block, encoding="utf-8")
    entries = load_suite(str(tmp_path / "two-edits.toml")).entries
    assert [(entry.threat_model, entry.queries_per_word) for entry in entries] == [("chars-1@1", 0), ("chars-2@1", 50)]
