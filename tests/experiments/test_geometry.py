"""The geometry of δ: figures against plain arithmetic, files that follow from their records and hold no text."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from alumbench.adversary import Ascent, Ball, Perturbation, divergence
from alumbench.attacks.victim import Victim
from alumbench.data.dataset import load_examples_from
from alumbench.errors import AlumbenchError
from alumbench.models.checkpoint import checkpoint_task, find_model, special_token_ids
from experiments.geometry.__main__ import geometry
from experiments.geometry.file import read_geometry
from experiments.geometry.measure import MEASURES, Probe, _deltas, _figures, _Gaps, probe_sentences, table_of
from tests.leaderboard.conftest import move


@pytest.fixture(scope="module")
def victim(checkpoint: Path) -> Victim:
    files = find_model(str(checkpoint))
    return Victim(files, checkpoint_task(files), "cpu")


def values(victim: Victim, probe: Probe, count: int = 12) -> dict[str, dict[str, float | None]]:
    examples = load_examples_from(victim.task.dev, victim.task.columns, victim.task.labels)[0][:count]
    return {e.id: dict(found) for e, found in probe_sentences(victim, table_of(victim), examples, probe)}


def test_figures_of_one_sentence_against_all_distances(victim: Victim) -> None:
    table = table_of(victim)
    ids = torch.tensor([20, 31, 20, 42])
    delta = torch.randn(4, 32, generator=torch.Generator().manual_seed(0)) * torch.tensor([[0.01], [0.3], [2.0], [1.0]])
    distances = torch.cdist((table.rows[ids] + delta).double(), table.rows.double())
    gaps = torch.cdist(table.rows[ids].double(), table.rows.double())
    gaps[torch.arange(4), ids] = torch.inf
    found = _figures(table, _Gaps(table), ids, delta, half=3)
    assert found["nearest"] == (distances.argmin(1) == ids).double().mean()
    assert 0 < float(found["nearest"] or 0) < 1, "some words must stay and some must go"
    assert found["reach"] == pytest.approx(float((delta.double().norm(dim=-1) / gaps.amin(1)).mean()), rel=1e-4)
    assert found["energy-half"] == pytest.approx(float(table.energy(delta)[:3].sum()))
    assert found.keys() == MEASURES.keys()
    assert set(_figures(table, _Gaps(table), ids, torch.zeros_like(delta), half=3).values()) == {None}


def test_longer_delta_reach_farther_in_proportion_and_point_the_same_way(victim: Victim) -> None:
    found = values(victim, Probe(("fisher", "noise"), (0.1, 0.2, 50.0)))
    assert len(found) == 12
    for of_one in found.values():
        assert of_one["fisher/0.2/reach"] == pytest.approx(2 * float(of_one["fisher/0.1/reach"] or 0), rel=1e-4)
        assert of_one["fisher/0.2/energy-10"] == pytest.approx(of_one["fisher/0.1/energy-10"], rel=1e-4)
        assert of_one["noise/0.1/nearest"] == 1.0
    assert min(float(of_one["noise/50/nearest"] or 0) for of_one in found.values()) < 0.5


def test_vat_is_the_delta_that_training_would_take(victim: Victim) -> None:
    """Against `Ascent.find` at each ε with the real objective, on one sentence."""
    example = load_examples_from(victim.task.dev, victim.task.columns, victim.task.labels)[0][0]
    batch = victim.encode([example.texts])
    special = torch.tensor(special_token_ids(victim.tokenizer))
    space = Perturbation(victim.model, batch, special, seed=0, step=0, examples=[0])
    target = space.forward().answers.detach()
    gold = torch.tensor([victim.task.labels.index(str(example.label))])
    found = dict(
        _deltas(victim, Perturbation(victim.model, batch, special, 0, 0, [0]), gold, Probe(("vat",), (0.02, 0.5)))
    )
    for epsilon in (0.02, 0.5):
        ball = Ball("l2-sentence", space.perturbable)
        expected = Ascent("vat").find(
            space,
            ball,
            epsilon * space.rms,
            space.rms,
            space.forward(),
            None,
            lambda d: divergence(target, space.forward(d).answers),
        )
        assert torch.allclose(found[f"vat/{epsilon:g}"], expected.delta, rtol=1e-3, atol=1e-5)


def test_values_do_not_depend_on_the_batch(victim: Victim) -> None:
    probe = Probe(epsilons=(0.2,))
    together = values(victim, probe)
    victim.batch_size = 1
    alone = values(victim, probe)
    victim.batch_size = 64
    for identity, of_one in together.items():
        assert of_one == pytest.approx(alone[identity], rel=1e-3)


@pytest.fixture(scope="module")
def seeds(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The checkpoint as two training seeds of a row."""
    folders = []
    for seed in (1, 2):
        folder = Path(shutil.copytree(checkpoint, tmp_path_factory.mktemp("runs") / f"plain-{seed}"))
        move(folder, seed)
        record = json.loads((folder / "training.json").read_text()) | {"training_seed": seed}
        (folder / "training.json").write_text(json.dumps(record))
        folders.append(str(folder))
    return folders


@pytest.fixture(scope="module")
def made(seeds: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("geometry") / "geometry.json"
    command = [*seeds, "--examples", "8", "--epsilon", "0.1", "--out", str(out), "--device", "cpu"]
    result = CliRunner().invoke(geometry, command)
    assert result.exit_code == 0, result.output
    assert "plain/fisher/0.1/nearest: " in result.output and "n=8, seeds 2" in result.output
    return out


def test_a_figure_recomputed_by_hand(made: Path) -> None:
    lines = [json.loads(line) for line in gzip.decompress(made.with_suffix(".jsonl.gz").read_bytes()).splitlines()]
    found = [line["values"]["vat/0.1/energy-10"] for line in lines if line["row"] == "plain"]
    assert len(found) == 16
    (figure,) = [f for f in json.loads(made.read_text())["figures"] if f["name"] == "plain/vat/0.1/energy-10"]
    assert figure["value"] == pytest.approx(sum(found) / 16, rel=1e-5) and (figure["n"], figure["seeds"]) == (8, 2)
    assert figure["low"] < figure["value"] < figure["high"]


def test_the_same_command_writes_the_same_bytes_and_no_text_or_path(
    made: Path, seeds: list[str], tmp_path: Path
) -> None:
    command = [*reversed(seeds), "--examples", "8", "--epsilon", "0.1", "--device", "cpu"]
    assert CliRunner().invoke(geometry, [*command, "--out", str(tmp_path / "geometry.json")]).exit_code == 0
    for name in ("geometry.json", "geometry.jsonl.gz"):
        assert (tmp_path / name).read_bytes() == (made.parent / name).read_bytes()
    task = checkpoint_task(find_model(seeds[0]))
    text = made.read_text() + gzip.decompress(made.with_suffix(".jsonl.gz").read_bytes()).decode()
    sentences = [e.texts[0] for e in load_examples_from(task.dev, task.columns, task.labels)[0]]
    assert not [sentence for sentence in sentences if sentence in text] and seeds[0] not in text


def test_what_does_not_follow_from_its_records_is_refused(made: Path, tmp_path: Path) -> None:
    for file in made.parent.iterdir():
        shutil.copy(file, tmp_path)
    copy = tmp_path / made.name
    assert read_geometry(copy)[1]["plain/fisher/0.1/nearest"].keys() == {1, 2}
    document = json.loads(copy.read_text())
    document["figures"][0]["value"] += 0.01
    copy.write_text(json.dumps(document))
    with pytest.raises(AlumbenchError, match="its figures do not follow"):
        read_geometry(copy)
    copy.with_suffix(".jsonl.gz").write_bytes(b"")
    with pytest.raises(AlumbenchError, match="missing or changed"):
        read_geometry(copy)
    copy.write_text("{}")
    with pytest.raises(AlumbenchError, match="not a geometry file of schema 1"):
        read_geometry(copy)


def test_a_checkpoint_given_twice_is_refused(seeds: list[str], tmp_path: Path) -> None:
    command = [seeds[0], seeds[0], "--examples", "1", "--epsilon", "0.1", "--out", str(tmp_path / "g.json")]
    result = CliRunner().invoke(geometry, command)
    assert isinstance(result.exception, AlumbenchError) and "give each once" in str(result.exception)
