"""Claims by a board's records: the figures, the verdicts, the files."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from alumbench.errors import AlumbenchError
from experiments.claims.__main__ import claims
from experiments.claims.build import BUILT, build, outdated
from experiments.claims.evidence import judge
from experiments.claims.settings import Claims
from experiments.claims.verdict import HOLDS, OPEN, UNMEASURED
from tests.experiments.conftest import CLAIMS

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(leaderboards: Path) -> Path:
    build(leaderboards / "claims")
    return leaderboards / "claims"


def parts(folder: Path) -> list[dict[str, object]]:
    return json.loads((folder / "table.json").read_text())  # type: ignore[no-any-return]


def share_of_right(board: Path, row: str, entry: str) -> float:
    """From the records alone: the mean over seeds of the share that is robust or right."""
    shares = []
    for path in sorted(board.glob(f"records/{row}-seed*.gz")):
        records = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        outcomes = [record["outcome"] for record in records if record["entry"] == entry]
        shares.append(sum(outcome in ("robust", "correct") for outcome in outcomes) / len(outcomes))
    assert len(shares) == 3
    return sum(shares) / 3


@pytest.mark.parametrize(
    ("at", "row", "against", "entry", "n"),
    [
        (0, "alum-fisher", "standard", "embedding-pgd-0.1", 400),
        (1, "alum-fisher", "standard", "clean", 872),
        (2, "alum-ref", "alum-fisher", "embedding-pgd-0.1", 400),
    ],
)
def test_a_comparison_recomputed_by_hand(built: Path, at: int, row: str, against: str, entry: str, n: int) -> None:
    part, board = parts(built)[at], built.parent / "sst2-methods"
    own, others = share_of_right(board, row, entry), share_of_right(board, against, entry)
    assert part["own"] == pytest.approx(own, abs=1e-8) and part["others"] == pytest.approx(others, abs=1e-8)
    assert part["value"] == pytest.approx(own - others, abs=1e-8) and (part["n"], part["seeds"]) == (n, 3)


def test_intervals_are_those_of_the_board_and_p_is_for_the_line(built: Path) -> None:
    cells = json.loads((built.parent / "sst2-methods" / "table.json").read_text())
    by_name = {(cell["row"], cell["column"]): cell for cell in cells}
    for part, column in zip(parts(built)[:2], ("PGD .1", "SST-2 dev"), strict=True):
        cell = by_name["alum:fisher", column]
        assert (part["low"], part["high"]) == (cell["difference_low"], cell["difference_high"])
    more, no_less, behind, _ = parts(built)
    assert more["p"] == by_name["alum:fisher", "PGD .1"]["difference_p"]
    assert float(str(no_less["p"])) < 0.05 < by_name["alum:fisher", "SST-2 dev"]["difference_p"]
    measured = [more, no_less, behind]
    assert sorted(float(str(part["p_holm"])) / float(str(part["p"])) for part in measured)[-1] == pytest.approx(3)


def test_verdicts_of_parts_and_claims(built: Path) -> None:
    found = [(part["claim"], part["verdict"], part["claim_verdict"]) for part in parts(built)]
    assert found == [
        ("both", "holds", "holds"),
        ("both", "holds", "holds"),
        ("code", "does not hold", "does not hold"),
        ("planned", "not measured yet", "not measured yet"),
    ]
    readme = (built / "README.md").read_text()
    assert (
        "`sh leaderboards/sst2-methods/run.sh`" in readme
        and "`alumbench leaderboard run leaderboards/planned`" in readme
    )
    assert "not measured yet (no entry of a, b yet)" in readme


def test_building_twice_gives_the_same_bytes_and_check_sees_a_changed_one(built: Path) -> None:
    first = {name: (built / name).read_bytes() for name in BUILT}
    assert outdated(built) == []
    (built / "table.csv").write_text("claim\n")
    (problem,) = outdated(built)
    assert (
        problem
        == f"{built / 'table.csv'}: does not follow from the records; run 'python -m experiments.claims {built}'"
    )
    result = CliRunner().invoke(claims, [str(built), "--check"])
    assert result.exit_code == 1 and "1 problems" in result.output
    build(built)
    assert {name: (built / name).read_bytes() for name in BUILT} == first


def test_a_row_of_two_seeds_decides_nothing(leaderboards: Path) -> None:
    folder = leaderboards / "few"
    board = shutil.copytree(leaderboards / "sst2-methods", folder / "sst2-methods")
    for path in [*board.glob("*/alum-fisher-seed3.*"), *board.glob("*/standard-seed3.*")]:
        path.unlink()
    (folder / "claims").mkdir()
    (folder / "planned").mkdir()
    (folder / "planned" / "runs.toml").write_text('rows = [{ row = "a" }, { row = "b" }]')
    (folder / "claims" / "claims.toml").write_text(CLAIMS)
    both = judge(Claims.read(folder / "claims"))[0]
    assert both.verdict == OPEN and {finding.reason for finding in both.findings} == {"2 of 3 seeds"}


FIGURES = """
title = "Claims"
[commands]
"geometry.json" = "python -m experiments.geometry runs/a-1 --out geometry.json"
[[claim]]
id = "near"
says = "δ stays near"
source = "section 1"
[[claim.part]]
figures = "geometry.json"
name = "a/fisher/0.1/energy"
against = "a/noise/0.1/energy"
direction = "more"
[[claim.part]]
figures = "geometry.json"
name = "a/fisher/0.1/nearest"
against = "a/noise/0.1/nearest"
direction = "equal"
margin = 10
"""


def test_figures_of_a_geometry_file_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "claims.toml").write_text(FIGURES)
    (unmade,) = judge(Claims.read(tmp_path))
    assert unmade.verdict == UNMEASURED and unmade.findings[0].command.startswith(
        "python -m experiments.geometry runs/a-1"
    )

    (tmp_path / "geometry.json").touch()
    sentences, seeds = range(100), (1, 2, 3)
    runs = {
        "a/fisher/0.1/energy": {seed: {str(at): 0.4 + at % 7 / 100 for at in sentences} for seed in seeds},
        "a/noise/0.1/energy": {seed: {str(at): 0.2 + at % 5 / 100 for at in sentences} for seed in seeds},
        "a/fisher/0.1/nearest": {seed: dict.fromkeys(map(str, sentences), 1.0) for seed in seeds},
        "a/noise/0.1/nearest": {seed: dict.fromkeys(map(str, sentences), 1.0) for seed in seeds},
    }
    figures = [SimpleNamespace(name=name, value=sum(seen[1].values()) / 100) for name, seen in runs.items()]
    monkeypatch.setattr(
        "experiments.claims.evidence.read_geometry", lambda path: (SimpleNamespace(figures=figures), runs)
    )
    (near,) = judge(Claims.read(tmp_path))
    more, equal = near.findings
    assert more.value == pytest.approx(figures[0].value - figures[1].value) and more.verdict == HOLDS
    # All alike: the exact interval for what none of 100 sentences showed, 1 - .025 ** (1 / 100).
    assert (equal.value, equal.low, equal.high) == (
        0,
        pytest.approx(-0.0362, abs=1e-4),
        pytest.approx(0.0362, abs=1e-4),
    )
    assert equal.verdict == HOLDS and (equal.n, equal.seeds) == (100, 3)

    (tmp_path / "claims.toml").write_text(FIGURES.replace('"geometry.json" =', '"other.json" ='))
    with pytest.raises(AlumbenchError, match=r"no command makes geometry\.json; add \[commands\]"):
        Claims.read(tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('row = "alum:fisher"', 'row = "alum:fishe"', "board ../sst2-methods: unknown row 'alum:fishe'. Did you mean"),
        ('column = "PGD .1"', 'column = "PGD .2"', "unknown column 'PGD .2'"),
        ('column = "PGD .1"', 'column = "training cost"', "training cost is training_cost, which is not compared"),
        ('row = "a"', 'row = "c"', "board ../planned: unknown row 'c'"),
        ('"../planned"', '"../gone"', "gone has neither entries nor a runs.toml"),
    ],
)
def test_what_a_board_has_not_is_refused(leaderboards: Path, before: str, after: str, message: str) -> None:
    folder = leaderboards / f"refused-{abs(hash(after))}"
    folder.mkdir()
    (folder / "claims.toml").write_text(CLAIMS.replace(before, after, 1))
    with pytest.raises(AlumbenchError, match=message):
        judge(Claims.read(folder))


def test_a_changed_record_is_refused(leaderboards: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(leaderboards, tmp_path / "leaderboards")
    path = next((copy / "sst2-methods" / "records").glob("*.gz"))
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(AlumbenchError, match="is not the file that was added"):
        build(copy / "claims")


def test_texts_of_claims_are_texts(leaderboards: Path) -> None:
    folder = leaderboards / "markup"
    folder.mkdir()
    (folder / "claims.toml").write_text(CLAIMS.replace("it gains", "<script>alert(1)</script> | it"))
    build(folder)
    page, readme = (folder / "index.html").read_text(), (folder / "README.md").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page and "default-src" in page
    assert "<script" not in readme and "\\| it" in readme


COMMITTED = sorted(path.parent for path in (REPOSITORY / "leaderboards").glob("*/claims.toml"))


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda path: path.name)
def test_committed_claims_are_what_the_records_make(folder: Path) -> None:
    if (folder / "README.md").exists():
        assert outdated(folder) == []
    else:
        assert judge(Claims.read(folder))
