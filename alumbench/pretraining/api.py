"""Pre-training from Python: a function like `alumbench pretrain`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alumbench.arguments import described, name_or_path, names_of, path_of
from alumbench.config import check
from alumbench.errors import AlumbenchError
from alumbench.fields import build
from alumbench.methods import Method, make_method
from alumbench.old_names import TRAINING, renamed, silent
from alumbench.pretraining.corpus import Corpus, named_corpus
from alumbench.pretraining.masked_lm import Architecture
from alumbench.pretraining.options import Pretraining, default_start
from alumbench.training.api import as_option

__all__ = ["PretrainedCheckpoint", "pretrain"]


@dataclass(frozen=True)
class PretrainedCheckpoint:
    """A finished pre-training run.

    Attributes:
        folder: the masked LM, loadable with plain transformers, and its `pretraining.json`.
        method: name of the training method.
        metrics: dev figures after the last step: loss, perplexity, accuracy; empty if no block was held out.
        steps: number of optimizer steps.
        seconds: wall time of training.
        tokens: tokens seen, repeated ones included.
    """

    folder: Path
    method: str
    metrics: Mapping[str, float | None]
    steps: int
    seconds: float
    tokens: int

    def __fspath__(self) -> str:
        """The folder: a checkpoint may be given where a path is expected."""
        return str(self.folder)


def pretrain(
    corpus: str | Path | Corpus | Sequence[str | Path | Corpus],
    model: str | Path = "",
    *,
    config: str | Architecture = "",
    tokenizer: str | Path = "",
    method: str | Method = "standard",
    out: str | Path,
    report_to: Sequence[str] = (),
    say: Callable[[str], None] = print,
    **options: object,
) -> PretrainedCheckpoint:
    r"""Pre-trains a masked LM on text, as `alumbench pretrain` does: the same options, weights and records.

    The same call again resumes an interrupted run, and returns a finished one unchanged.

    Args:
        corpus: one or more of: a .txt file (blank lines between documents), a JSON-lines, CSV or parquet file with a
            column `text`, a hub id, the name of a sample such as `wikipedia_sample`, or a `Corpus` that says more.
        model: the model to continue from: a folder, a hub id, or ID@REVISION; '' to start from random weights.
        config: without `model`: the size, such as `bert-mini`, or an `Architecture`.
        tokenizer: with `config`: a folder of `alumbench tokenizer learn`.
        method: a name of `alumbench methods`, with its parameters as `set={"epsilon": 0.1}`; or a method itself,
            `ALUM(alpha=10.0)`. ALUM by its name has α = 10, as in the paper's pre-training.
        out: the checkpoint's folder.
        report_to: experiment trackers for losses and dev figures: tensorboard, trackio, wandb, mlflow, ….
        say: called with each line of progress.
        options: the options of `alumbench pretrain --help`, with underscores: `steps=2000`, `batch_size=32`,
            `adversary_after=0.5`.

    Raises:
        AlumbenchError: An option is unknown or wrong, text or model is unavailable, the folder holds another run, or
            the loss diverged.

    >>> import alumbench as ab
    >>> folder, notes = Path(tempfile.mkdtemp()), []
    >>> texts = ab.load_data("mini-sentiment", "train").texts[:200]
    >>> _ = (folder / "films.txt").write_text("\n\n".join(texts))
    >>> tiny = ab.make_tiny_bert(folder / "tiny", texts)
    >>> options = {"steps": 4, "batch_size": 8, "max_length": 32, "device": "cpu", "say": notes.append}
    >>> done = ab.pretrain(folder / "films.txt", tiny, method="alum", out=folder / "films", **options)
    >>> done.steps, sorted(done.metrics)
    (4, ['accuracy', 'loss', 'perplexity'])
    """
    from alumbench.pretraining.pretrain import pretrain as run

    options = renamed(options, TRAINING, say)
    named, fixed = (method, {}) if isinstance(method, str) else as_option(method, options)
    if not isinstance(method, str) and "alpha" in method.parameters():
        fixed["parameters"]["alpha"] = method.parameters()["alpha"]  # an object is what it says: α is not made 10
    # before any text is read
    make_method(named, check(dict, fixed["parameters"] if fixed else options.get("set", {}), "set"), silent)
    architecture = Architecture.named(config) if isinstance(config, str) and config else config or None
    if options.get("adversary_after") is None:
        options["adversary_after"] = default_start(architecture, named, say)
    sources = [corpus] if isinstance(corpus, str | Path | Corpus) else corpus
    if not isinstance(sources, Sequence):
        raise AlumbenchError(f"corpus: expected a file, a hub id, or a list of them, got {described(corpus)}")
    folder = path_of(out, "out", "the path of a folder")
    given = {
        "corpora": tuple(
            one if isinstance(one, Corpus) else named_corpus(name_or_path(one, "corpus", "a file or a hub id"))
            for one in sources
        ),
        "model": name_or_path(model, "model", "a folder or a hub id"),
        "architecture": architecture,
        "tokenizer": name_or_path(tokenizer, "tokenizer", "a folder"),
        "method": named,
        **fixed,
    }
    record = run(
        build(Pretraining, options, str, **given), folder, say, names_of(report_to, "report_to", "['tensorboard']")
    )
    dev = (record["dev"] or [{}])[-1]
    metrics = {name: value for name, value in dev.items() if name not in ("step", "epoch")}
    steps, seconds, tokens = record["settings"]["steps"], record["seconds"], record["tokens_seen"]
    return PretrainedCheckpoint(folder, named, metrics, steps, seconds, tokens)
