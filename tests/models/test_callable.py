"""Python functions as classifiers: found by name, asked with lists, told apart when they change."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from alumbench.errors import AlumbenchError, ClassifierStopped
from alumbench.models import from_callable, from_http, from_pretrained
from alumbench.models.callable import CallableOptions
from alumbench.models.classifier import Classifier
from alumbench.models.reference import load_callable

LABELS = ("negative", "positive")
MODULE = """
print("imported")
class Model:
    def predict_proba(self, texts):
        return [[0.2, 0.8] for text in texts]
    def __call__(self, texts):
        return [[0.4, 0.6] for text in texts]
model = Model()
number = 3
def predict(texts):
    print("asked for", len(texts))
    return [[0.9, 0.1] if "bad" in str(text) else [0.1, 0.9] for text in texts]
def broken(texts):
    return {}["absent"]
def leaves(texts):
    raise SystemExit
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of the user's, which is where the command is typed."""
    (tmp_path / "own_module.py").write_text(MODULE)
    (tmp_path / "raises.py").write_text("1 / 0\n")
    (tmp_path / "needs.py").write_text("import no_such_library_at_all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [name for name in sys.modules if name in {"own_module", "raises", "needs"} or "alumbench_own" in name]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("own_module:predict", [0.9, 0.1]),
        ("./own_module.py:predict", [0.9, 0.1]),
        ("own_module:model.predict_proba", [0.2, 0.8]),
        ("own_module:model", [0.4, 0.6]),
    ],
)
def test_a_function_is_found_by_name(module: Path, capsys, name: str, expected: list[float]) -> None:
    found = load_callable(name, LABELS, say=lambda line: None)
    assert isinstance(found, Classifier) and found.identity.name == name
    assert found.predict([("a bad one",)]).softmax(-1).tolist()[0] == pytest.approx(expected)
    assert "imported" not in capsys.readouterr().out, "what a function prints is no output of the command"


def test_a_pair_is_a_tuple_and_a_single_text_a_string() -> None:
    asked = []

    def function(texts):
        asked.append(texts)
        return [[0.5, 0.5]] * len(texts)

    classifier = from_callable(function, LABELS)
    classifier.predict([("a",), ("b",)])
    classifier.predict([("a", "b")])
    assert asked == [["a", "b"], [("a", "b")]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_modul:predict", "no such module"),
        ("own_module:predic", "did you mean 'predict'"),
        ("own_module:number", "neither a function"),
        ("own_module:Model", "neither a function"),
        ("./absent.py:predict", "no such file"),
        ("raises:predict", r"its import failed: ZeroDivisionError: division by zero \(raises.py, line 1\)"),
        ("needs:predict", "no_such_library_at_all"),
    ],
)
def test_what_is_no_function_is_one_line(module: Path, name: str, message: str) -> None:
    with pytest.raises(AlumbenchError, match=message) as caught:
        load_callable(name, LABELS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"), [("broken", "KeyError: 'absent' .own_module.py, line 1"), ("leaves", "SystemExit")]
)
def test_an_exception_names_the_function_and_its_line(module: Path, name: str, message: str) -> None:
    with pytest.raises(AlumbenchError, match=f"own_module:{name} raised {message}") as caught:
        load_callable(f"own_module:{name}", LABELS).predict([("a",)])
    assert not isinstance(caught.value, ClassifierStopped)


def test_a_changed_source_is_another_classifier(module: Path) -> None:
    before = load_callable("own_module:predict", LABELS).identity
    assert before == load_callable("own_module:predict", LABELS).identity
    assert before.sha256 != load_callable("own_module:model.predict_proba", LABELS).identity.sha256
    (module / "own_module.py").write_text(MODULE + "# changed\n")
    del sys.modules["own_module"]
    after = load_callable("own_module:predict", LABELS).identity
    assert after.sha256 != before.sha256 and after.changes(before.to_dict()) == ["source_sha256"]
    version = load_callable("own_module:predict", LABELS, CallableOptions(version="2")).identity
    assert version.changes(after.to_dict()) == ["version"]


def test_a_fitted_pipeline_is_told_from_one_fitted_otherwise() -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, labels = ["good film", "bad film", "good", "bad"], ["positive", "negative"] * 2
    fitted = [make_pipeline(CountVectorizer(), LogisticRegression(C=c)).fit(texts, labels) for c in (1.0, 1.0, 2.0)]
    one, same, other = (from_callable(pipeline.predict_proba, LABELS) for pipeline in fitted)
    assert one.identity == same.identity != other.identity
    expected = torch.tensor(fitted[0].predict_proba(["a good one"])).float()
    assert torch.allclose(one.predict([("a good one",)]).softmax(-1), expected)
    assert from_callable(fitted[0].predict, LABELS, hard_labels=True).predict([("good",)]).argmax() == 1
    with pytest.raises(AlumbenchError, match="classes_ are negative, positive in this order"):
        from_callable(fitted[0].predict_proba, LABELS[::-1])
    with pytest.raises(AlumbenchError, match="has 2 classes"):
        from_callable(fitted[0].predict_proba, (*LABELS, "neutral"))


def test_a_function_without_a_source_needs_a_version() -> None:
    namespace: dict = {}
    exec("def nowhere(texts):\n    return [[0.0, 1.0]] * len(texts)", namespace)
    with pytest.raises(AlumbenchError, match="give it a version"):
        from_callable(namespace["nowhere"], LABELS)
    assert from_callable(namespace["nowhere"], LABELS, version="1").identity.details == {"version": "1"}


def test_labels_may_be_those_of_scikit_learn() -> None:
    found = from_callable(lambda texts: [[0.2, 0.8] for _ in texts], np.array(LABELS), version="1")
    assert found.labels == LABELS and {type(name) for name in found.labels} == {str}


@pytest.mark.parametrize("labels", [(), ("one",), ("same", "Same")])
def test_outputs_need_names(labels: tuple[str, ...]) -> None:
    with pytest.raises(AlumbenchError, match="name its outputs in their order"):
        from_callable(len, labels)


def test_it_goes_to_other_processes_by_name(module: Path) -> None:
    found = load_callable("own_module:predict", LABELS, say=lambda line: None)
    logits = found.predict([("bad",)])
    again = pickle.loads(pickle.dumps(found))
    assert again.identity == found.identity and torch.equal(again.predict([("bad",)]), logits)
    assert again.scores == "probabilities", "what its scores were taken for goes with it"


@pytest.mark.parametrize(
    "texts", ["a good film", ["a good film"], ("a good film",), [()], [(3,)], [None], None], ids=repr
)
def test_a_string_is_not_read_letter_by_letter(texts: object, checkpoint: Path) -> None:
    own = from_callable(lambda texts: [[0.2, 0.8]] * len(texts), ["negative", "positive"], name="f", version="1")
    endpoint = from_http("http://127.0.0.1:9/", ["negative", "positive"])
    for classifier in (own, endpoint, from_pretrained(str(checkpoint))):
        with pytest.raises(AlumbenchError, match="predict: expected a list with a tuple of strings per example"):
            classifier.predict(texts)  # type: ignore[arg-type]
