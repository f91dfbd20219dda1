"""The model card: what was trained and how, every figure with n, interval and signature, and how to recompute them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alumbench.checkpoints import PROVENANCE, ModelFiles, find_model
from alumbench.errors import AlumbenchError
from alumbench.leaderboard.compare import MEASURES
from alumbench.leaderboard.inert import block, code, prose
from alumbench.leaderboard.places import without_places
from alumbench.leaderboard.table import Table, percent
from alumbench.publishing.eval_results import FILE, without_place, write_eval_results
from alumbench.publishing.figures import Evaluated, Figure, checkpoint_folder, evaluated
from alumbench.publishing.history import evaluation_commands, told, training_command
from alumbench.publishing.metadata import Given, card_data, is_pretraining
from alumbench.storage import read_json, write_text
from alumbench.training.pretraining import RECORD

CARD = "README.md"
#: What tells a card that we wrote, and may write again, from one that somebody wrote or went on with.
MARK = "<!-- written by `alumbench card`; take this line out to keep the file as it is -->"


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        card: the model card.
        eval_results: the hub's results file, None where no figure has a place in it.
        figures: how many figures the card has a number for.
        left_out: what it has none for.
    """

    card: Path
    eval_results: Path | None
    figures: int
    left_out: int


def write_card(checkpoint: Path, given: Given, out: Path | None = None, force: bool = False) -> Written:
    """Writes the card and `.eval_results` of a checkpoint.

    Args:
        checkpoint: its folder.
        given: what the publisher adds.
        out: another folder for both; by default the checkpoint's.
        force: replace a card that somebody else wrote.

    Raises:
        AlumbenchError: It has no record of its training, its figures are of other weights, or its card is not ours.
    """
    files = find_model(str(checkpoint_folder(checkpoint)))
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


def training_record(checkpoint: Path) -> dict[str, Any]:
    """What says how a checkpoint came to be.

    Raises:
        AlumbenchError: Nothing does.
    """
    for name in (PROVENANCE, RECORD):
        if (checkpoint / name).is_file():
            return read_json(checkpoint / name)  # type: ignore[no-any-return]
    raise AlumbenchError(
        f"{checkpoint}: has no {PROVENANCE}, so how it came to be cannot be told; "
        f"checkpoints of 'alumbench train' and 'alumbench pretrain' have one (when they are finished)"
    )


def render(record: Mapping[str, Any], found: Evaluated, files: ModelFiles, given: Given) -> str:
    """The card's text, front matter and all; the same checkpoint gives the same bytes."""
    name = given.name or files.path.resolve().name
    record = without_places(record)
    data = card_data(record, found.figures, name, given)
    lines = ["---", data.to_yaml(), "---", MARK, "", f"# {prose(name)}", "", _summary(record), ""]
    lines += [
        "## How it came to be",
        "",
        *told(record),
        f"- Its own weights: SHA-256 {code(files.weights_sha256())}",
        "",
    ]
    lines += ["## Figures", "", *_figures(found, is_pretraining(record)), ""]
    lines += ["## How to recompute them", "", *_recompute(record, found), ""]
    lines += ["## Limits", "", *(f"- {line}" for line in _limits(record, found)), ""]
    return "\n".join(lines)


def _summary(record: Mapping[str, Any]) -> str:
    if is_pretraining(record):
        return f"A masked language model, pre-trained with method {code(record['method']['name'])} by alumbench."
    task = record["task"]
    return (
        f"A text classifier for {prose(task['title'])}, trained with method {code(record['method']['name'])} and "
        f"evaluated by alumbench. The figures below say what it answers right as the data set has it, and what is left "
        f"of that under attack."
    )


def _figures(found: Evaluated, masked: bool) -> list[str]:
    if masked:
        return ["None: suites are for classifiers, which `alumbench train --model CHECKPOINT …` makes of it."]
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
    unchecked = [one.folder.name for one in found.stored if "flags" not in one.document]
    if unchecked:
        flags.append(f"- not checked, evaluated before there were flags: {', '.join(map(code, unchecked))}")
        flags = [flag for flag in flags if flag != "None."]
    return [*lines, "", "Flags, which make figures less than they seem:", "", *flags, *_left_out(found)]


def _row(figure: Figure) -> list[str]:
    of = f"{figure.entry}, {figure.group}" if figure.group else figure.entry
    measure = MEASURES.get(figure.measure, figure.measure)
    cells = [prose(of), prose(measure)]
    if figure.low is None:
        return [*cells, f"{figure.value:.3f}", "–", str(figure.n)]
    return [*cells, percent(figure.value), f"{percent(figure.low)}–{percent(figure.high)}", str(figure.n)]


def _left_out(found: Evaluated) -> list[str]:
    lines = [f"- {prose(figure.name)}: {prose(figure.reason)}" for figure in found.figures if figure.value is None]
    lines += [f"- {prose(line)}" for line in found.left_out]
    nowhere = sorted({f.entry for f in found.figures if f.value is not None and without_place(f)})
    if nowhere:
        why = "whose examples are of no data set on the hub"
        lines.append(f"- not in {code(str(FILE))}, {why}: {', '.join(map(prose, nowhere))}")
    return ["", "Left out:", "", *lines] if lines else []


def _recompute(record: Mapping[str, Any], found: Evaluated) -> list[str]:
    commands = [*training_command(record), *evaluation_commands(found.stored)]
    if not commands:
        return ["The command is in no catalog (own data or settings): the record beside the weights has all of it."]
    return [f"With alumbench {prose(record['versions']['alumbench'])}:", "", *block(commands)]


def _limits(record: Mapping[str, Any], found: Evaluated) -> list[str]:
    lines = [f"One checkpoint, training seed {record['seed']}: another seed gives other figures."]
    kinds = {figure.kind for figure in found.figures}
    if "fixed" in kinds:
        lines.append("Fixed adversarial sets were made against other models; they are no attack on this one.")
    if kinds & {"attack", "ensemble"}:
        lines.append(
            "What is left under an attack is an upper bound: another attack, or more queries, may find more. Whether "
            "people still read an adversarial text as they did was not judged."
        )
    notes = [source.get("rows", "") for source in _origins(record)]
    lines += [f"Data: a copy that holds {prose(note)}." for note in notes if note]
    return [*lines, "Made for research on robustness; nothing was tested about any use of it."]


def _origins(record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    if is_pretraining(record):
        return record["corpus"]["sources"]  # type: ignore[no-any-return]
    return [*record["data"]["train"]["sources"], *record["data"]["dev"]["sources"]]
