"""The model that an argument names: a checkpoint (folder or hub id), a function, an endpoint or a causal LM."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alumbench.errors import AlumbenchError
from alumbench.models.answers import AUTO
from alumbench.models.callable import CallableOptions
from alumbench.models.checkpoint import ModelFiles, find_model
from alumbench.models.classifier import Classifier
from alumbench.models.http import HttpClassifier, HttpOptions
from alumbench.models.reference import REFERENCE, load_callable
from alumbench.registry import CLASSIFIERS, find, names

CHECKPOINT, CALLABLE, HTTP, CAUSAL_LM = "checkpoint", "callable", "http", "causal-lm"


@dataclass(frozen=True)
class ModelOptions:
    """The settings of a model besides its name.

    Attributes:
        labels: names of its outputs, in order.
        hard_labels: use only its label.
        scores: how the scores of a function or an endpoint are interpreted.
        version: of a function or an endpoint, as the user declares it.
        http: settings of requests to an endpoint.
        prompt: the prompt of a causal LM; '' for any other model.
        words: a causal LM's word for each label.
        device: where a transformers model runs.
    """

    labels: tuple[str, ...] = ()
    hard_labels: bool = False
    scores: str = AUTO
    version: str = ""
    http: HttpOptions = field(default_factory=HttpOptions)
    prompt: str = ""
    words: tuple[str, ...] = ()
    device: str = "auto"

    @classmethod
    def of_record(
        cls, said: Mapping[str, str], labels: Sequence[str], hard_labels: bool, device: str = "auto"
    ) -> ModelOptions:
        """The options of a recorded evaluation; the key's variable is never recorded.

        Args:
            said: the classifier's recorded identity.
            labels: names of its outputs, as given.
            hard_labels: whether it returned only labels.
            device: where a transformers model runs.
        """
        version = said.get("version", "")
        return cls(
            labels=tuple(labels),
            hard_labels=hard_labels,
            scores=said.get("scores", AUTO),
            version=version,
            http=HttpOptions(format=said.get("format", "plain"), version=version),
            prompt=said.get("prompt", ""),
            words=tuple(filter(None, said.get("words", "").split("|"))),
            device=device,
        )


def kind_of(name: str, options: ModelOptions) -> str:
    """The kind of model that an argument names: one of `checkpoint`, `callable`, `http` and `causal-lm`.

    Raises:
        AlumbenchError: Options for another kind are given.
    """
    kind = CHECKPOINT
    if name.startswith(("http://", "https://")):
        kind = HTTP
    elif options.prompt:
        kind = CAUSAL_LM
    elif (REFERENCE.match(name) or _plug_in(name)) and not Path(name).is_dir():
        kind = CALLABLE
    _check_options(kind, name, options)
    return kind


def resolve(
    name: str, options: ModelOptions, columns: Sequence[str] = (), say: Callable[[str], None] = print
) -> ModelFiles | Classifier:
    """The model that an argument names.

    Args:
        name: a folder, a hub id, `module:function`, `./file.py:function`, `http://…`, or the name under which an
            installed package registers a classifier; a folder of that name takes precedence.
        options: its other settings.
        columns: the task's text columns, which a causal LM's prompt may name.
        say: called with one line about each thing to know about the model.

    Returns:
        A checkpoint's files, not yet loaded, or a classifier.

    Raises:
        AlumbenchError: There is none of that name, or it cannot be loaded.
    """
    kind = kind_of(name, options)
    if kind == CHECKPOINT:
        return find_model(name, adapters=True)
    if kind == HTTP:
        return HttpClassifier(
            name, options.labels, options.http, scores=options.scores, hard_labels=options.hard_labels, say=say
        )
    if kind == CALLABLE:
        how = CallableOptions(options.scores, options.hard_labels, options.version)
        return load_callable(_plug_in(name) or name, options.labels, how, say=say)
    from alumbench.models.causal_lm import CausalLmClassifier

    files = find_model(name, adapters=True)
    return CausalLmClassifier(
        files,
        options.labels,
        options.prompt,
        options.words,
        columns=columns,
        device=options.device,
        hard_labels=options.hard_labels,
        say=say,
    )


def _plug_in(name: str) -> str:
    """`module:attribute` of the classifier that an installed package registers under this name; '' if none does.

    Raises:
        AlumbenchError: Two packages register it.
    """
    if name not in names(CLASSIFIERS):
        return ""
    found = find(CLASSIFIERS, name)
    if found.problem:
        raise AlumbenchError(f"{found.where}: {found.problem}")
    return f"{found.module}:{found.attribute}"


def _check_options(kind: str, name: str, options: ModelOptions) -> None:
    plain = HttpOptions(version=options.http.version)
    given = {
        "--http-format, --auth-env, --timeout, --retries and --rate-limit": (options.http != plain, (HTTP,)),
        "--scores": (options.scores != AUTO, (HTTP, CALLABLE)),
        "--model-version": (bool(options.version), (HTTP, CALLABLE)),
        "--label-words": (bool(options.words), (CAUSAL_LM,)),
        "--prompt": (bool(options.prompt), (CAUSAL_LM,)),
    }
    called = {CHECKPOINT: "a checkpoint", HTTP: "an endpoint", CALLABLE: "a function", CAUSAL_LM: "a causal LM"}
    for option, (is_given, kinds) in given.items():
        if is_given and kind not in kinds:
            wanted = " or ".join(called[one] for one in kinds)
            from alumbench.models.redaction import without_secrets

            hint = ", unless --prompt is given" if kind == CHECKPOINT and option == "--label-words" else ""
            raise AlumbenchError(f"{option}: for {wanted}; {without_secrets(name)} is {called[kind]}{hint}")
