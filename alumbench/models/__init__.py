"""The models to evaluate: Hugging Face classifiers, Python functions, HTTP endpoints, causal LMs, or your own.

All are `Classifier`s: `labels`, `identity`, and `predict(texts)`. Heavy libraries are imported on first use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alumbench.arguments import name_or_path

if TYPE_CHECKING:
    from alumbench.models.callable import CallableClassifier
    from alumbench.models.causal_lm import CausalLmClassifier
    from alumbench.models.http import HttpClassifier
    from alumbench.models.huggingface import HuggingFaceClassifier

__all__ = ["from_callable", "from_causal_lm", "from_http", "from_pretrained"]


def from_pretrained(
    name: str | Path, *, labels: Sequence[str] = (), device: str = "auto", hard_labels: bool = False
) -> HuggingFaceClassifier:
    """A transformers sequence classifier, full or as a PEFT adapter.

    Args:
        name: a folder, a hub id, or `ID@REVISION`.
        labels: names of its outputs in order, if it has none of its own.
        device: auto, cpu or cuda.
        hard_labels: use only its label.

    Raises:
        AlumbenchError: It is not found, or cannot be loaded as it is.

    >>> from_pretrained("./no-such-folder@main")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    alumbench.errors.AlumbenchError: …
    """
    from alumbench.models.huggingface import open_huggingface

    return open_huggingface(name_or_path(name, "name", "a folder or a hub id"), labels, device, hard_labels)


def from_callable(
    function: Callable[[list[Any]], Any],
    labels: Sequence[str],
    *,
    scores: str = "auto",
    hard_labels: bool = False,
    name: str = "",
    version: str = "",
) -> CallableClassifier:
    """A function that takes a list of texts (tuples for pairs) and returns one row of scores per text.

    For example the `predict_proba` of a scikit-learn pipeline.

    Args:
        function: the function.
        labels: names of its outputs, in order.
        scores: `probabilities`, `logits`, or `auto`: nonnegative rows that sum to 1 are probabilities.
        hard_labels: use only its label; it may then return label names.
        name: its name in tables; '' for `module:function`.
        version: identifies what its source file does not show, such as the weights that it loads.

    Raises:
        AlumbenchError: There are fewer than two labels, or a change to the function could not be detected.

    >>> classifier = from_callable(lambda texts: [[0.25, 0.75]] * len(texts), ["no", "yes"], name="always", version="1")
    >>> [round(share, 2) for share in classifier.predict([("any text",)]).softmax(-1)[0].tolist()]
    note: always: its scores are taken as probabilities (each row sums to 1); their logarithm is taken as logits; set \
--scores to change this
    [0.25, 0.75]
    """
    from alumbench.models.callable import CallableClassifier, CallableOptions

    return CallableClassifier(function, labels, CallableOptions(scores, hard_labels, version), name=name)


def from_http(
    url: str,
    labels: Sequence[str],
    *,
    format: str = "plain",
    auth_env: str = "",
    timeout: float = 60.0,
    retries: int = 5,
    requests_per_second: float = 0.0,
    scores: str = "auto",
    hard_labels: bool = False,
    version: str = "",
) -> HttpClassifier:
    """An HTTP endpoint that takes batches as JSON; `alumbench.models.http` describes both formats.

    Args:
        url: address that batches are posted to.
        labels: names of its outputs, in order.
        format: `plain` or `huggingface`.
        auth_env: environment variable that holds its key; the key is never written anywhere.
        timeout: seconds within which an answer must start.
        retries: retries after a timeout, a lost connection, or a status such as 429 or 503.
        requests_per_second: maximum rate; 0 for no limit.
        scores: `probabilities`, `logits`, or `auto`.
        hard_labels: use only its label.
        version: of its model, as you declare it: the address does not show when the model changes.

    Raises:
        AlumbenchError: The address is invalid, or the key's variable is not set.

    >>> from_http("https://me:secret@example.org/classify?key=1", ["no", "yes"], version="3").identity.name
    'https://example.org/classify?…'
    """
    from alumbench.models.http import HttpClassifier, HttpOptions

    options = HttpOptions(format, timeout, retries, requests_per_second, auth_env, version)
    return HttpClassifier(url, labels, options, scores=scores, hard_labels=hard_labels)


def from_causal_lm(
    name: str | Path,
    labels: Sequence[str],
    *,
    prompt: str,
    words: Sequence[str] = (),
    columns: Sequence[str] = (),
    device: str = "auto",
    hard_labels: bool = False,
) -> CausalLmClassifier:
    r"""A causal language model that scores which label's word follows a prompt.

    Args:
        name: a folder, a hub id, or `ID@REVISION`.
        labels: names of the labels.
        prompt: with `{text}` where the text goes, such as `"Review: {text}\nSentiment:"`; `{0}` and `{1}`, or the names
            in `columns`, for pairs.
        words: the word of each label; () for their names.
        columns: names of the texts.
        device: auto, cpu or cuda.
        hard_labels: use only its label.

    Raises:
        AlumbenchError: It cannot be loaded, or the prompt has no placeholder for a text.
    """
    from alumbench.models.causal_lm import CausalLmClassifier
    from alumbench.models.checkpoint import find_model

    files = find_model(name_or_path(name, "name", "a folder or a hub id"), adapters=True)
    return CausalLmClassifier(files, labels, prompt, words, columns=columns, device=device, hard_labels=hard_labels)
