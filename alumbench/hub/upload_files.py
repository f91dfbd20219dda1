"""The files of a checkpoint to publish: never a pickle or a local path, nor (by default) a data set's texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.evaluation.document import EVALUATION, RECORDS
from alumbench.evaluation.stored import EVALUATIONS
from alumbench.hub.eval_results import FILE
from alumbench.hub.figures import checkpoint_folder, evaluated
from alumbench.hub.metadata import hub_id
from alumbench.hub.model_card import CARD, training_record
from alumbench.leaderboard.redaction import published
from alumbench.leaderboard.strip_paths import configuration_without_places, record_without_places, without_places
from alumbench.models.checkpoint import PROVENANCE, ModelFiles, find_model
from alumbench.models.checkpoint.folder import ADAPTER, CONFIG, base_of
from alumbench.models.checkpoint.provenance import PRETRAINING
from alumbench.parsing import read_json
from alumbench.records import Record, as_json
from alumbench.storage import finite
from alumbench.training.request import TRAINER_FOLDER

#: Files of a model and a tokenizer that `transformers` reads, except those that could run code.
MODEL = ("*.safetensors", "model.safetensors.index.json")
TOKENIZER = (
    "tokenizer.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.model",
)
#: Those that may name the folder that the model or tokenizer was loaded from.
CONFIGURATIONS = (CONFIG, ADAPTER, "generation_config.json", "tokenizer_config.json")
#: File endings of pickles, which can run code when loaded.
PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".msgpack", ".h5"}


@dataclass(frozen=True)
class Sent:
    """One file of the upload.

    Attributes:
        path: its path in the repository.
        content: the local file, or the bytes to send if they differ from the file's.
        note: how the bytes differ from the file.
    """

    path: str
    content: Path | bytes
    note: str = ""

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


def belongings(checkpoint: Path, records: bool = True, texts: bool = False) -> list[Sent]:
    """All files of a checkpoint's upload.

    Args:
        checkpoint: its folder.
        records: send the records of its evaluations, which are needed to check the figures.
        texts: keep the data sets' own texts in them; the sender must know their licences.

    Raises:
        AlumbenchError: It is unfinished, has no card, or holds a pickle, a damaged safetensors file or a link.
    """
    _refuse_links(checkpoint)
    files = find_model(str(checkpoint_folder(checkpoint)), adapters=True)
    if (checkpoint / TRAINER_FOLDER).is_dir():
        raise AlumbenchError(f"{checkpoint}: its training is not finished; rerun 'alumbench train' to finish it")
    training_record(checkpoint)  # without one, its error names the command that makes it
    _refuse_pickles(checkpoint)
    if not (checkpoint / CARD).is_file():
        raise AlumbenchError(f"{checkpoint}: has no {CARD}; 'alumbench card {checkpoint}' writes one")
    _check_base(files)
    names = sorted(p.name for p in checkpoint.iterdir() if any(fnmatch(p.name, one) for one in (*MODEL, *TOKENIZER)))
    sent = [Sent(name, checkpoint / name) for name in names]
    sent += [
        _document(checkpoint / name, name, configuration_without_places)
        for name in CONFIGURATIONS
        if (checkpoint / name).is_file()
    ]
    sent += [
        _document(checkpoint / name, name, without_places)
        for name in (PROVENANCE, PRETRAINING)
        if (checkpoint / name).is_file()
    ]
    sent += [Sent(str(name), checkpoint / name) for name in (CARD, FILE) if (checkpoint / name).is_file()]
    for stored in evaluated(files).stored:
        within = f"{EVALUATIONS}/{stored.folder.name}"
        sent.append(_document(stored.folder / EVALUATION, f"{within}/{EVALUATION}", _finished))
        if records:
            done = [record for record in stored.records if record.entry in stored.columns]
            sent.append(_records(done, f"{within}/{RECORDS}", texts))
    return sent


def _check_base(files: ModelFiles) -> None:
    """Checks that others can find the base model that a PEFT adapter names.

    Raises:
        AlumbenchError: It is a folder of this machine.
    """
    if files.base is not None and not hub_id(base_of(files.path), files.base.revision):
        raise AlumbenchError(
            f"{files.path / ADAPTER}: its base model is a folder here, {base_of(files.path)}, which nobody else has; "
            f"publish the base, and write its hub id there as base_model_name_or_path"
        )


def _refuse_pickles(checkpoint: Path) -> None:
    from safetensors import SafetensorError, safe_open

    found = sorted(path.name for path in checkpoint.iterdir() if path.suffix in PICKLES)
    if found:
        raise AlumbenchError(
            f"{checkpoint}: {', '.join(found)} can run code when it is loaded, so it is not published; move it away"
        )
    for path in checkpoint.glob("*.safetensors"):
        try:
            with safe_open(path, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise AlumbenchError(
                f"{path}: not a complete safetensors file, so it is not published ({error})"
            ) from error


def _refuse_links(checkpoint: Path) -> None:
    """Refuses links and files behind links: they can lead to anything outside the folder.

    Allowed is the hub's cache, where a model's files are links to `blobs/` beside its snapshots.
    """
    root = checkpoint.resolve()
    blobs = root.parent.parent / "blobs" if root.parent.name == "snapshots" else None
    names = (*MODEL, *TOKENIZER, *CONFIGURATIONS, PROVENANCE, PRETRAINING, CARD, str(FILE))
    found = [path for name in names for path in checkpoint.glob(name)]
    found += [path for name in (EVALUATION, RECORDS) for path in checkpoint.glob(f"{EVALUATIONS}/*/{name}")]
    for path in found:
        target = path.resolve()
        if target != root / path.relative_to(checkpoint) and (blobs is None or target.parent != blobs):
            raise AlumbenchError(
                f"{path}: is a link out of the checkpoint, so it is not published; put the file itself there, or "
                f"remove the link"
            )


def _finished(document: Any) -> Any:
    """An evaluation's document with only its finished entries, and without this machine's paths."""
    entries = {name: entry for name, entry in document["entries"].items() if entry["complete"]}
    return without_places({**document, "entries": entries})


def _document(path: Path, name: str, cut: Callable[[Any], Any]) -> Sent:
    before = read_json(path)
    after = cut(before)
    if after == before:
        return Sent(name, path)
    content = json.dumps(finite(after), indent=2, allow_nan=False) + "\n"
    return Sent(name, content.encode(), "paths of this machine cut to their last part, unfinished entries left out")


def _records(records: list[Record], name: str, texts: bool) -> Sent:
    def lines() -> Iterator[str]:
        for record in records:
            sent = as_json(record_without_places(record if texts else published(record)))
            yield json.dumps(finite(sent), allow_nan=False)

    note = "with the data sets' own texts" if texts else "without the data sets' own texts"
    return Sent(name, ("\n".join(lines()) + "\n").encode("ascii"), note)
