"""The files of a checkpoint that are published, and in what form: never a pickle, a data set's text or a local path."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from alumbench.checkpoints import PROVENANCE, find_model
from alumbench.errors import AlumbenchError
from alumbench.evaluation.document import EVALUATION, RECORDS
from alumbench.evaluation.stored import EVALUATIONS
from alumbench.leaderboard.places import configuration_without_places, record_without_places, without_places
from alumbench.leaderboard.published import published
from alumbench.publishing.card import CARD, training_record
from alumbench.publishing.eval_results import FILE
from alumbench.publishing.figures import checkpoint_folder, evaluated
from alumbench.storage import finite, read_json
from alumbench.training.pretraining import RECORD
from alumbench.training.request import TRAINER_FOLDER

#: What `transformers` reads of a model and a tokenizer, but for what could run code.
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
#: Those of them that may name the folder that the model or the tokenizer was loaded from.
CONFIGURATIONS = ("config.json", "generation_config.json", "tokenizer_config.json")
#: Endings under which pickles go, which run code when they are loaded.
PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".msgpack", ".h5"}


@dataclass(frozen=True)
class Sent:
    """One file of the upload.

    Attributes:
        path: in the repository.
        content: the file here, or its bytes where they are not the file's.
        note: how they differ.
    """

    path: str
    content: Path | bytes
    note: str = ""

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


def belongings(checkpoint: Path, records: bool = True, texts: bool = False) -> list[Sent]:
    """All that an upload of a checkpoint consists of.

    Args:
        checkpoint: its folder.
        records: send the records of its evaluations, without which nobody can check a figure.
        texts: leave the data sets' own texts in them; their licences are the sender's to know.

    Raises:
        AlumbenchError: It is unfinished, has no card, or holds a pickle, a damaged safetensors file or a link.
    """
    _refuse_links(checkpoint)
    files = find_model(str(checkpoint_folder(checkpoint)))
    if (checkpoint / TRAINER_FOLDER).is_dir():
        raise AlumbenchError(f"{checkpoint}: its training is not finished; run the same command again")
    training_record(checkpoint)  # says which command makes one, where there is none
    _refuse_pickles(checkpoint)
    if not (checkpoint / CARD).is_file():
        raise AlumbenchError(f"{checkpoint}: has no {CARD}; 'alumbench card {checkpoint}' writes one")
    names = sorted(p.name for p in checkpoint.iterdir() if any(fnmatch(p.name, one) for one in (*MODEL, *TOKENIZER)))
    sent = [Sent(name, checkpoint / name) for name in names]
    sent += [
        _document(checkpoint / name, name, configuration_without_places)
        for name in CONFIGURATIONS
        if (checkpoint / name).is_file()
    ]
    sent += [
        _document(checkpoint / name, name, without_places)
        for name in (PROVENANCE, RECORD)
        if (checkpoint / name).is_file()
    ]
    sent += [Sent(str(name), checkpoint / name) for name in (CARD, FILE) if (checkpoint / name).is_file()]
    for stored in evaluated(files).stored:
        within = f"{EVALUATIONS}/{stored.folder.name}"
        sent.append(_document(stored.folder / EVALUATION, f"{within}/{EVALUATION}", _finished))
        if records:
            done = [record for record in stored.records if record["entry"] in stored.complete_entries()]
            sent.append(_records(done, f"{within}/{RECORDS}", texts))
    return sent


def _refuse_pickles(checkpoint: Path) -> None:
    from safetensors import SafetensorError, safe_open

    found = sorted(path.name for path in checkpoint.iterdir() if path.suffix in PICKLES)
    if found:
        raise AlumbenchError(
            f"{checkpoint}: {', '.join(found)} can run code when it is loaded, and is not published; move it away"
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
    """Refuses what is a link, or lies behind one: its content is another place's, and may be anything.

    In the hub's cache a model's files are links to `blobs/` beside its snapshots, and nothing else is there.
    """
    root = checkpoint.resolve()
    blobs = root.parent.parent / "blobs" if root.parent.name == "snapshots" else None
    names = (*MODEL, *TOKENIZER, *CONFIGURATIONS, PROVENANCE, RECORD, CARD, str(FILE))
    found = [path for name in names for path in checkpoint.glob(name)]
    found += [path for name in (EVALUATION, RECORDS) for path in checkpoint.glob(f"{EVALUATIONS}/*/{name}")]
    for path in found:
        target = path.resolve()
        if target != root / path.relative_to(checkpoint) and (blobs is None or target.parent != blobs):
            raise AlumbenchError(
                f"{path}: is a link to another place, and is not published; put the file itself there, or take it away"
            )


def _finished(document: Any) -> Any:
    """An evaluation's document with its finished entries, and the places of this machine out of it."""
    entries = {name: entry for name, entry in document["entries"].items() if entry["complete"]}
    return without_places({**document, "entries": entries})


def _document(path: Path, name: str, cut: Callable[[Any], Any]) -> Sent:
    before = read_json(path)
    after = cut(before)
    if after == before:
        return Sent(name, path)
    content = json.dumps(finite(after), indent=2, allow_nan=False) + "\n"
    return Sent(name, content.encode(), "paths of this machine cut to their last part, unfinished entries left out")


def _records(records: list[dict[str, Any]], name: str, texts: bool) -> Sent:
    def lines() -> Iterator[str]:
        for record in records:
            yield json.dumps(finite(record_without_places(record if texts else published(record))), allow_nan=False)

    note = "with the data sets' own texts" if texts else "without the data sets' own texts"
    return Sent(name, ("\n".join(lines()) + "\n").encode("ascii"), note)
