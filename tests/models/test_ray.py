"""Searches over a Ray cluster: classifiers of one's own give the records of one process, or are refused at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from alumbench.attacks.execution.run import ExecutionConfig
from alumbench.attacks.text_victim import TextVictim
from alumbench.data import load_task, miniature
from alumbench.errors import AlumbenchError
from alumbench.evaluation.evaluate import Request, evaluate
from alumbench.evaluation.suite import load_suite
from alumbench.models import from_callable, from_http
from alumbench.models.in_training import InMemoryClassifier
from tests.models.test_attack_command import LABELS, document, folder, records, run, server  # noqa: F401
from tests.models.test_http import SECRET, Server

Run = Callable[..., tuple[int, str]]
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one CPU each, whose environment has the key KEY_OF_NODES."""
    ray = pytest.importorskip("ray", reason="Ray is an extra: pip install 'alumbench[ray]'")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KEY_OF_NODES", SECRET)
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        made.add_node(num_cpus=1)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.mark.parametrize("name", ["own_function:predict", "./own_function.py:predict"])
def test_a_function_gives_the_same_records(run: Run, folder: Path, cluster: Any, name: str) -> None:  # noqa: F811
    words = ("attack", name, *LABELS, "--suite", "quick.toml")
    assert run(*words, "--out", "here")[0] == 0
    status, text = run(*words, "--out", "nodes", "--ray", cluster.address)
    assert status == 0, text
    assert records(folder / "nodes") == records(folder / "here")
    assert document(folder / "nodes")["identity"]["model"] == document(folder / "here")["identity"]["model"]
    assert any(record["outcome"] == "broken" for record in records(folder / "nodes"))


def test_a_function_asked_only_on_the_nodes_is_read_as_here(run: Run, folder: Path, cluster: Any) -> None:  # noqa: F811
    words = ("attack", "own_function:predict", *LABELS, "--suite", "quick.toml", "--only", "typos")
    assert run(*words, "--out", "here")[0] == run(*words, "--out", "nodes", "--ray", cluster.address)[0] == 0
    assert records(folder / "nodes") == records(folder / "here")
    assert document(folder / "nodes")["reading"]["scores"] == "probabilities"


def test_a_changed_file_on_a_node_is_refused(run: Run, folder: Path, cluster: Any) -> None:  # noqa: F811
    own = folder / "changing.py"
    own.write_text("import os\n" + (folder / "own_function.py").read_text())
    from alumbench.models.reference import load_callable

    classifier = load_callable("./changing.py:predict", ("negative", "positive"), say=lambda line: None)
    request = Request(_suite(folder), schedule=ExecutionConfig(ray=cluster.address), only=("typos",))
    victim = TextVictim(classifier, load_task("mini-sentiment"), "cpu")
    own.write_text(own.read_text().replace("0.8, 0.2", "0.9, 0.1"))
    with pytest.raises(AlumbenchError, match=r"is another one on this node \(source_sha256 differs\)"):
        evaluate(request, victim, folder / "changed", lambda done: None)


def test_a_causal_lm_gives_the_same_records(
    run: Run,  # noqa: F811
    folder: Path,  # noqa: F811
    cluster: Any,
    tiny_causal_lm: Path,
) -> None:
    prompt = ("--prompt", r"Review: {review}\nSentiment:", "--label-words", "bad,good", "--device", "cpu")
    words = ("attack", tiny_causal_lm, *LABELS, *prompt, "--suite", "quick.toml")
    assert run(*words, "--out", "here")[0] == run(*words, "--out", "nodes", "--ray", cluster.address)[0] == 0
    assert records(folder / "nodes") == records(folder / "here")


def test_an_endpoints_key_is_each_nodes_own_and_is_written_nowhere(
    run: Run,  # noqa: F811
    folder: Path,  # noqa: F811
    cluster: Any,
    server: Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEY_OF_NODES", SECRET)
    words = ("attack", server.url, *LABELS, "--suite", "quick.toml", "--auth-env", "KEY_OF_NODES")
    assert run(*words, "--out", "here")[0] == 0
    before = len(server.seen)
    status, text = run(*words, "--out", "nodes", "--ray", cluster.address)
    assert status == 0, text
    assert records(folder / "nodes") == records(folder / "here")
    assert len(server.seen) > before and all(h["Authorization"] == f"Bearer {SECRET}" for h, _ in server.seen)
    written = [path for path in (folder / "nodes").rglob("*") if path.is_file()]
    session = Path(cluster.head_node.get_session_dir_path())
    logs = [path for path in session.rglob("*") if path.is_file()]
    assert written and logs and SECRET not in text
    for path in (*written, *logs):
        assert SECRET.encode() not in path.read_bytes(), path


def test_a_key_that_the_nodes_lack_is_refused_with_the_reason(
    run: Run,  # noqa: F811
    cluster: Any,
    server: Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEY_OF_THIS_PROCESS", SECRET)
    words = ("attack", server.url, *LABELS, "--suite", "quick.toml", "--auth-env", "KEY_OF_THIS_PROCESS")
    status, text = run(*words, "--ray", cluster.address)
    (line,) = [line for line in text.splitlines() if "--ray" in line]
    assert status == 1 and "KEY_OF_THIS_PROCESS: this environment variable is not set" in line
    assert "keys are not sent to nodes: set it where this process is started" in line and SECRET not in text


def in_a_closure() -> Any:
    network = torch.nn.Linear(2, 2)

    def predict(texts: list[str]) -> Any:
        return network(torch.ones(len(texts), 2)).detach()

    return from_callable(predict, ("negative", "positive"), name="closure", version="1")


def in_training() -> InMemoryClassifier:
    from tests.methods.tiny import tiny_classifier

    class Tokenizer:
        model_max_length = 16

    return InMemoryClassifier(tiny_classifier(2), Tokenizer(), ("negative", "positive"))  # type: ignore[arg-type]


def of_the_script() -> Any:
    def predict(texts: list[str]) -> Any:
        return [[0.2, 0.8]] * len(texts)

    predict.__module__, predict.__qualname__ = "__main__", "predict"
    return from_callable(predict, ("negative", "positive"), name="script", version="1")


UNSENT = {
    "lambda": (
        lambda: from_callable(lambda texts: [[0.2, 0.8]] * len(texts), ("negative", "positive"), name="l", version="1"),
        "l cannot be sent to the nodes",
    ),
    "closure": (in_a_closure, "closure cannot be sent to the nodes"),
    "in-training": (in_training, "in the memory of this process"),
    "script": (of_the_script, "predict is defined in the script that runs"),
    "rate-limit": (
        lambda: from_http("http://127.0.0.1:9/", ("negative", "positive"), requests_per_second=1.0),
        "--rate-limit holds for one process",
    ),
}


@pytest.mark.parametrize("kind", UNSENT)
def test_what_cannot_be_sent_is_refused_before_anything_starts(kind: str, folder: Path) -> None:  # noqa: F811
    make, message = UNSENT[kind]
    victim = TextVictim(make(), load_task("mini-sentiment"), "cpu")
    request = Request(_suite(folder), schedule=ExecutionConfig(ray="nowhere:1"))
    with pytest.raises(AlumbenchError, match=message) as caught:
        evaluate(request, victim, folder / "out", lambda done: None)
    assert "\n" not in str(caught.value) and "--workers leaves it in this process" in str(caught.value)
    assert not (folder / "out").exists()


def test_a_fitted_pipeline_is_sent_by_value(folder: Path, cluster: Any) -> None:  # noqa: F811
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    rows = miniature.rows("sentiment/train")
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression()).fit(rows["sentence"], rows["label"])
    found = []
    for name, schedule in {"here": ExecutionConfig(), "nodes": ExecutionConfig(ray=cluster.address)}.items():
        classifier = from_callable(pipeline.predict_proba, ("negative", "positive"), name="pipeline")
        victim = TextVictim(classifier, load_task("mini-sentiment"), "cpu")
        evaluate(Request(_suite(folder), schedule=schedule), victim, folder / name, lambda done: None)
        found.append(records(folder / name))
    assert found[0] == found[1]


def _suite(folder: Path) -> Any:  # noqa: F811
    return load_suite(str(folder / "quick.toml"))
