"""The records are the same wherever the searches run: in one process, in several, over nodes of which one is lost."""

from __future__ import annotations

import os

import pytest

from alumbench.attacks.execution.run import ExecutionConfig
from alumbench.attacks.victim import Victim
from alumbench.engine.scorer import Scorer
from alumbench.errors import AlumbenchError
from alumbench.evaluation import opening
from alumbench.evaluation.evaluate import Request, evaluate
from alumbench.evaluation.options import EvaluationOptions
from alumbench.evaluation.rescoring import Sample, rescore_stored
from alumbench.evaluation.verify import verify, victim_of
from alumbench.models.checkpoint import checkpoint_task, find_model
from tests.evaluation.conftest import lines, run


@pytest.mark.parametrize("schedule", [ExecutionConfig(1), ExecutionConfig(7), ExecutionConfig(8, workers=2)], ids=str)
def test_a_schedule_changes_no_record(pair_checkpoint, evaluated, write_suite, tmp_path, schedule):
    """R2."""
    run(pair_checkpoint, tmp_path / "out", write_suite(), schedule=schedule)
    assert lines(tmp_path / "out") == lines(evaluated)


@pytest.fixture
def cluster(monkeypatch):
    """Three nodes of one CPU each."""
    ray = pytest.importorskip("ray", reason="Ray is an extra: pip install 'alumbench[ray]'")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_a_lost_node_changes_no_record(pair_checkpoint, evaluated, write_suite, tmp_path, cluster):
    lost = []

    def progress(done):
        if done.entry == "attack" and done.done and not lost:
            lost.append(cluster.remove_node(list(cluster.worker_nodes)[0], allow_graceful=False))

    files = find_model(str(pair_checkpoint))
    request = Request(write_suite(), schedule=ExecutionConfig(4, ray=cluster.address))
    evaluate(request, Victim(files, checkpoint_task(files), "cpu"), tmp_path / "out", progress)
    assert lost and len(cluster.worker_nodes) == 1
    assert lines(tmp_path / "out") == lines(evaluated)


def test_no_cluster_no_run(pair_checkpoint, write_suite, tmp_path):
    pytest.importorskip("ray", reason="Ray is an extra: pip install 'alumbench[ray]'")
    with pytest.raises(AlumbenchError, match="--ray auto: no cluster responds"):
        os.environ.pop("RAY_ADDRESS", None)
        run(pair_checkpoint, tmp_path / "out", write_suite(), only=("attack",), schedule=ExecutionConfig(ray="auto"))


@pytest.mark.parametrize(("scoring", "precision"), [("fast", "fp32"), ("fixed", "bf16"), ("fixed", "bf16-confirmed")])
def test_another_scoring_is_labelled_and_left_out_of_plain_figures(
    pair_checkpoint, evaluated, write_suite, tmp_path, scoring, precision
):
    from alumbench.evaluation.stored import Stored, is_plain

    files = find_model(str(pair_checkpoint))
    victim = Victim(files, checkpoint_task(files), "cpu", scorer=Scorer(scoring, precision))
    document = run(pair_checkpoint, tmp_path / "out", write_suite(), victim, only=("attack",))
    said = "scoring:fast" if scoring == "fast" else f"precision:{precision}"
    assert document["entries"]["attack"]["signature"].endswith("|" + said)
    stored = Stored.read(tmp_path / "out")
    assert not is_plain(stored.document.identity)
    again = victim_of(files, victim.task, "cpu", stored.document.identity)
    (verdict,), (rescored,) = verify(stored, again), rescore_stored(stored, again, Sample(3, 1), [write_suite()])
    assert verdict.texts == verdict.hold > 0 and rescored.again == 3 and not rescored.fallen
    assert is_plain(Stored.read(evaluated).document.identity)
    with pytest.raises(AlumbenchError, match="cannot resume, (scoring|precision) changed"):
        run(pair_checkpoint, tmp_path / "out", write_suite(), only=("attack",))


@pytest.mark.parametrize("native", [True, False])
def test_it_is_said_where_bf16_saves_no_time(pair_checkpoint, write_suite, tmp_path, monkeypatch, native):
    write_suite()
    monkeypatch.setattr(opening, "has_bf16_arithmetic", lambda device: native)
    said = []
    options = EvaluationOptions(str(tmp_path / "small.toml"), precision="bf16-confirmed")
    opening.open_evaluation(pair_checkpoint, options, say=said.append)
    assert ("--precision bf16-confirmed: cpu has no bf16 arithmetic here, so it saves no time" in said) != native
