"""The record of a checkpoint's training, `training.json` or `pretraining.json`, field by field.

Fields are in the order in which evaluations and boards write them. A field that is None by default was not recorded by
some earlier version, or does not apply.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from alumbench.config import JsonObject, Values, check
from alumbench.data import Task
from alumbench.data.source import DataOrigin
from alumbench.old_names import TRAINING, comparable, renamed, silent
from alumbench.parsing import read_json
from alumbench.records import Amount, Count, Sha256, Whole

#: Not `training.json`, which names a classifier's task: this checkpoint is not a classifier.
PRETRAINING = "pretraining.json"
#: Fields of the model's record that a fine-tuned checkpoint keeps.
KEPT = (
    *("model", "method", "schedule", "training_seed", "settings", "corpus", "tokens_seen"),
    *("cpu_seconds", "seconds", "device"),
)


class MethodRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A training method with its parameters.

    Attributes:
        name: its name, as `alumbench methods` lists it.
        parameters: values by parameter name.
        changed: for a third-party method: the parameters that differ from their defaults.
        origin: its source, None for a method of this package.
    """

    name: str
    parameters: Values
    changed: list[str] | None = None
    origin: dict[str, str] | None = None

    @property
    def comparable(self) -> MethodRecord:
        """The record with the parameters' present names, to compare it with others'."""
        names = dict(zip(self.parameters, comparable(self.parameters), strict=True))
        changed = None if self.changed is None else [names.get(name, name) for name in self.changed]
        return replace(self, parameters=comparable(self.parameters), changed=changed)


class TextOrigin(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The source of a pre-training text.

    Attributes:
        source: hub, mirror or file; `from` in files.
        path: path of a file.
        sha256: hash of the file.
        files: of a mirror: hash of each file, by path below its `data/`.
        id: id of a hub data set.
        config: its configuration.
        split: its split.
        revision: its commit.
        rows: the part of the text that the mirror's copy holds, in words.
        column: the column that holds the text.
        documents: number of documents.
        tokens: number of tokens, with one after each document as the separator.
    """

    source: str = field(name="from")
    path: str | None = None
    sha256: str | None = None
    files: dict[str, str] | None = None
    id: str | None = None
    config: str | None = None
    split: str | None = None
    revision: str | None = None
    rows: str | None = None
    column: str | None = None
    documents: Count | None = None
    tokens: Count | None = None


class CorpusRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The text of a pre-training run, packed into blocks of tokens.

    Attributes:
        sources: where the texts came from.
        block_length: tokens per block, special tokens included.
        blocks: number of blocks.
        tokens: tokens in all blocks, without the special tokens at the ends of blocks.
        tokens_dropped: tokens at the end of the text that did not fill a block.
        sha256: hash of the blocks.
        train_blocks: number of blocks used for training.
        dev_blocks: number of blocks held out.
    """

    sources: list[TextOrigin]
    block_length: Count
    blocks: Count
    tokens: Count
    tokens_dropped: Count | None = None
    sha256: Sha256
    train_blocks: Count | None = None
    dev_blocks: Count | None = None


class PretrainedFrom(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The starting point of a pre-training run: a named model, or an architecture with random weights.

    Attributes:
        name: folder or hub id, None for random weights.
        revision: commit on the hub.
        weights_sha256: hash of its weights.
        family: family of an architecture with random weights, such as `bert`.
        layers: number of layers.
        hidden: size of the hidden states.
        heads: attention heads per layer.
    """

    name: str | None = None
    revision: str | None = None
    weights_sha256: Sha256 | None = None
    family: str | None = None
    layers: Count | None = None
    hidden: Count | None = None
    heads: Count | None = None


class PretrainingSummary(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The part of its model's `pretraining.json` that a fine-tuned checkpoint keeps.

    Attributes:
        model: the model or architecture that it started from.
        method: the method with its parameters.
        schedule: the steps on which the method is active.
        training_seed: the seed of the run.
        settings: settings by name.
        corpus: the text.
        tokens_seen: tokens trained on, counting each repetition.
        cpu_seconds: CPU time, in seconds.
        seconds: wall-clock time, in seconds.
        device: the device it ran on.
    """

    model: PretrainedFrom | None = None
    method: MethodRecord | None = None
    schedule: Values | None = None
    training_seed: Whole | None = None
    settings: Values | None = None
    corpus: CorpusRecord | None = None
    tokens_seen: Count | None = None
    cpu_seconds: Amount | None = None
    seconds: Amount | None = None
    device: str


class AdapterBase(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The model that a PEFT adapter adapts.

    Attributes:
        name: folder or hub id, as its `adapter_config.json` has it.
        revision: commit on the hub.
        weights_sha256: hash of its weights.
    """

    name: str
    revision: str | None = None
    weights_sha256: Sha256


class BaseModel(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The model that training started from.

    Attributes:
        name: folder or hub id.
        revision: commit on the hub.
        weights_sha256: hash of its weights.
        configuration_sha256: hash of its configuration.
        pretraining: from its `pretraining.json`, None without one.
        adapter_of: for a PEFT adapter: its base, whose weights `weights_sha256` covers too.
    """

    name: str
    revision: str | None = None
    weights_sha256: Sha256
    configuration_sha256: str | None = None
    adapter_of: AdapterBase | None = None
    pretraining: PretrainingSummary | None = None


class ExampleTable(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A table of examples.

    Attributes:
        examples: number of examples.
        sha256: their hash.
        sources: their sources.
        flipped: number of labels that `--label-noise` changed.
        truncated: number of examples that were truncated.
    """

    examples: Count
    sha256: Sha256
    sources: list[DataOrigin] | None = None
    flipped: Count | None = None
    truncated: Count | None = None


class TrainingData(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The training and dev examples.

    Attributes:
        train: the training examples.
        dev: the examples that figures are reported on.
        shared_by_train_and_dev: number of examples that are in both.
    """

    train: ExampleTable
    dev: ExampleTable | None = None
    shared_by_train_and_dev: Count | None = None


class Norm(Struct, frozen=True):
    """Mean norm of the word embeddings.

    Attributes:
        before: before training.
        after: after training.
    """

    before: Annotated[float, Meta(gt=0)]
    after: Amount


class Training(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The part of a `training.json` that tables need.

    Attributes:
        model: the model it started from.
        method: the method with its parameters.
        training_seed: the seed of the run.
        settings: settings by name.
        data: the training and dev examples.
        dev: figures on the dev set, by epoch.
        embedding_norm: mean norm of the word embeddings before and after.
        device: the device it ran on.
        versions: versions of the libraries.
        seconds: wall-clock time.
        cpu_seconds: CPU time.
    """

    model: BaseModel
    method: MethodRecord
    training_seed: Whole
    settings: Values
    data: TrainingData
    dev: list[dict[str, float | None]] | None = None
    embedding_norm: Norm | None = None
    device: str
    versions: dict[str, str | None]
    seconds: Amount | None = None
    cpu_seconds: Amount | None = None

    @property
    def time(self) -> float | None:
        """Seconds of training, plus its model's pre-training if recorded; None if unknown."""
        own, before = time_of(self), self.model.pretraining
        earlier = 0.0 if before is None else time_of(before)
        return None if not own or earlier is None else own + earlier


class TrainingRecord(Training, frozen=True, kw_only=True, omit_defaults=True):
    """The parts of a `training.json` that a model card shows.

    Attributes:
        task: the task that was learned.
    """

    task: Task


class PretrainingRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The parts of a `pretraining.json` that a model card shows.

    Attributes:
        model: the model or architecture that it started from.
        method: the method with its parameters.
        training_seed: the seed of the run.
        settings: settings by name.
        corpus: the text.
        seconds: wall-clock time, in seconds.
        device: the device it ran on.
        versions: versions of the libraries.
    """

    model: PretrainedFrom
    method: MethodRecord
    training_seed: Whole
    settings: Values
    corpus: CorpusRecord
    seconds: Amount
    device: str
    versions: dict[str, str | None]


def time_of(run: Training | PretrainingSummary) -> float | None:
    """CPU seconds if it ran on a CPU (other programs do not count), else wall-clock seconds; None if unknown."""
    seconds = run.cpu_seconds if run.device.startswith("cpu") else None
    found = run.seconds if seconds is None else seconds
    return None if not found else float(found)


def pretraining_of(folder: Path) -> dict[str, object]:
    """A model's pre-training, as `pretraining` for the fine-tuned checkpoint's record; {} if unknown."""
    path = folder / PRETRAINING
    if not path.exists():
        return {}
    record = renamed(check(JsonObject, read_json(path), str(path)), TRAINING, silent)
    return {"pretraining": {name: record[name] for name in KEPT if name in record}}
