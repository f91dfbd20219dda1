"""The model card: what was trained and how, every figure with n, interval and signature, and how to recompute them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alumbench.config import typed
from alumbench.errors import AlumbenchError
from alumbench.formatting import format_share
from alumbench.hub.eval_results import FILE, without_place, write_eval_results
from alumbench.hub.figures import Evaluated, Figure, checkpoint_folder, evaluated
from alumbench.hub.metadata import Given, card_data
from alumbench.leaderboard.measures import words_of_measure
from alumbench.leaderboard.strip_paths import without_places
from alumbench.models.checkpoint import PROVENANCE, ModelFiles, find_model
from alumbench.models.checkpoint.provenance import PRETRAINING, PretrainingRecord, TrainingRecord
from alumbench.parsing import read_json
from alumbench.reports.escaping import block, code, prose
from alumbench.reports.history import evaluation_commands, format_history, training_command
from alumbench.reports.table import Table
from alumbench.storage import write_text

CARD = "README.md"
#: Marks a card that we wrote and may overwrite, unlike one that a person wrote or edited.
MARK = "<!-- written by `alumbench card`; take this line out to keep the file as it is -->"


@dataclass(frozen=True)
class Written:
    """The files written, and the figures in them.

    Attributes:
        card: the model card.
        eval_results: the hub's results file, None if no figure fits its format.
        figures: number of figures with a value on the card.
        left_out: figures without a value on it.
    """

    card: Path
    eval_results: Path | None
    figures: int
    left_out: int


def write_card(checkpoint: Path, given: Given, out: Path | None = None, force: bool = False) -> Written:
    """Writes a checkpoint's card and `.eval_results`.

    Args:
        checkpoint: its folder.
        given: the publisher's additions.
        out: another folder for both; by default the checkpoint's.
        force: replace a card that we did not write.

    Raises:
        AlumbenchError: It has no record of its training, its figures are of other weights, or its card is not ours.
    """
    files = find_model(str(checkpoint_folder(checkpoint)), adapters=True)
    record = training_record(checkpoint)
    folder = out or checkpoint
    path = folder / CARD
    if path.is_file() and not force and MARK not in path.read_text(encoding="utf-8", errors="replace"):
        raise AlumbenchError(
            f"{path}: not written by this command, so it is left as it is; give --force to replace it, "
            f"or --out FOLDER to write beside it"
        )
    found = evaluated(files)
    text = render(record, found, files, given)
    written = write_eval_results(folder, found.figures, given)
    write_text(path, text)
    numbers = sum(figure.value is not None for figure in found.figures)
    return Written(path, written, numbers, len(found.figures) - numbers)


def training_record(checkpoint: Path) -> TrainingRecord | PretrainingRecord:
    """The record of how a checkpoint was made, without this machine's paths.

    Raises:
        AlumbenchError: There is none.
    """
    kinds: dict[str, type[TrainingRecord] | type[PretrainingRecord]]
    kinds = {PROVENANCE: TrainingRecord, PRETRAINING: PretrainingRecord}
    for name, kind in kinds.items():
        if (checkpoint / name).is_file():
            return typed(kind, without_places(read_json(checkpoint / name)), str(checkpoint / name))
    raise AlumbenchError(
        f"{checkpoint}: has no {PROVENANCE}, so how it was made is unknown; "
        f"checkpoints of 'alumbench train' and 'alumbench pretrain' have one (when they are finished)"
    )


def render(record: TrainingRecord | PretrainingRecord, found: Evaluated, files: ModelFiles, given: Given) -> str:
    """The card's text with its front matter; the same checkpoint gives the same bytes."""
    name = given.name or files.path.resolve().name
    data = card_data(record, found.figures, name, given)
    lines = ["---", data.to_yaml(), "---", MARK, "", f"# {prose(name)}", "", _summary(record), ""]
    lines += [
        "## Training",
        "",
        *format_history(record),
        f"- Its own weights{' and its base model' if files.base else ''}: SHA-256 {code(files.weights_sha256())}",
        "",
    ]
    lines += ["## Results", "", *_figures(found, isinstance(record, PretrainingRecord)), ""]
    lines += ["## How to recompute them", "", *_recompute(record, found), ""]
    lines += ["## Limits", "", *(f"- {line}" for line in _limits(record, found)), ""]
    return "\n".join(lines)


def _summary(record: TrainingRecord | PretrainingRecord) -> str:
    if isinstance(record, PretrainingRecord):
        return f"A masked language model, pre-trained with method {code(record.method.name)} by alumbench."
    kind = "text classifier" if record.model.adapter_of is None else "PEFT adapter that makes a text classifier"
    return (
        f"A {kind} for {prose(record.task.title)}, trained with method {code(record.method.name)} and "
        f"evaluated by alumbench. The figures below show its accuracy on the data as published and under attack."
    )


def _figures(found: Evaluated, masked: bool) -> list[str]:
    if masked:
        return ["None: suites evaluate classifiers; `alumbench train --model CHECKPOINT …` makes one of it."]
    if not found.figures:
        return ["Not evaluated yet: `alumbench attack CHECKPOINT --suite NAME`.", *_left_out(found)]
    rows = [_row(figure) for figure in found.figures if figure.value is not None]
    lines = [
        "Shares in percent with Wilson 95% intervals at n examples; other metrics as they are.",
        "",
        Table(["entry", "measure", "value", "95% interval", "n"], rows).render("markdown").strip(),
        "",
        "Signatures, which say how each entry was made:",
        "",
    ]
    signatures = {figure.entry: figure.signature for figure in found.figures}
    lines += [f"- {prose(entry)}: {code(signature)}" for entry, signature in signatures.items()]
    flags = [f"- {prose(flag)}" for flag in found.flags] or ["None."]
    unchecked = [one.folder.name for one in found.stored if one.document.flags is None]
    if unchecked:
        flags.append(f"- not checked, evaluated before there were flags: {', '.join(map(code, unchecked))}")
        flags = [flag for flag in flags if flag != "None."]
    return [*lines, "", "Flags, which limit what the figures show:", "", *flags, *_left_out(found)]


def _row(figure: Figure) -> list[str]:
    of = f"{figure.entry}, {figure.group}" if figure.group else figure.entry
    measure = words_of_measure(figure.measure)
    cells = [prose(of), prose(measure)]
    if figure.low is None:
        return [*cells, f"{figure.value:.3f}", "–", str(figure.n)]
    return [
        *cells,
        format_share(figure.value),
        f"{format_share(figure.low)}–{format_share(figure.high)}",
        str(figure.n),
    ]


def _left_out(found: Evaluated) -> list[str]:
    lines = [f"- {prose(figure.name)}: {prose(figure.reason)}" for figure in found.figures if figure.value is None]
    lines += [f"- {prose(line)}" for line in found.left_out]
    nowhere = sorted({f.entry for f in found.figures if f.value is not None and without_place(f)})
    if nowhere:
        why = "whose examples are not from a data set on the hub"
        lines.append(f"- not in {code(str(FILE))}, {why}: {', '.join(map(prose, nowhere))}")
    return ["", "Left out:", "", *lines] if lines else []


def _recompute(record: TrainingRecord | PretrainingRecord, found: Evaluated) -> list[str]:
    trained = training_command(record, record.task) if isinstance(record, TrainingRecord) else []
    commands = [*trained, *evaluation_commands([one.document.identity for one in found.stored])]
    if not commands:
        return ["No single command repeats it (own data or settings); the record beside the weights has every setting."]
    return [f"With alumbench {prose(str(record.versions['alumbench']))}:", "", *block(commands)]


def _limits(record: TrainingRecord | PretrainingRecord, found: Evaluated) -> list[str]:
    lines = [f"One checkpoint, training seed {record.training_seed}: another seed gives different figures."]
    kinds = {figure.kind for figure in found.figures}
    if "fixed" in kinds:
        lines.append("Fixed adversarial sets were made against other models; they are not attacks on this one.")
    if kinds & {"attack", "ensemble"}:
        lines.append(
            "Accuracy under attack is an upper bound: another attack, or more queries, may find more. Whether "
            "adversarial "
            "texts keep their meaning for people was not judged."
        )
    lines += [f"Data: a copy that holds {prose(note)}." for note in _short_of(record) if note]
    return [*lines, "Made for research on robustness; not tested for any application."]


def _short_of(record: TrainingRecord | PretrainingRecord) -> Iterator[str | None]:
    """Notes on the rows in incomplete copies of the data."""
    if isinstance(record, PretrainingRecord):
        yield from (source.rows for source in record.corpus.sources)
        return
    for table in (record.data.train, record.data.dev):
        yield from (source.rows for source in (table.sources if table else None) or ())
