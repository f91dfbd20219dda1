"""Model folders from disk, mirror or hub, checked before a library reads them: safetensors only, no remote code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alumbench.checkpoints.folder import check_folder, kind_of, read_object
from alumbench.errors import AlumbenchError, unknown
from alumbench.storage import sha256_of
from alumbench.tasks import Task, load_task, mirror
from alumbench.tasks.kept import in_folder

PROVENANCE = "training.json"


@dataclass(frozen=True)
class ModelFiles:
    """A model folder that was checked before anything in it was read by a library.

    Attributes:
        path: the folder.
        revision: the hub commit it came from, '' for a local folder.
    """

    path: Path
    revision: str = ""

    @property
    def weights(self) -> list[Path]:
        """Its safetensors files, sorted."""
        return sorted(self.path.glob("*.safetensors"))

    def weights_sha256(self) -> str:
        """One hash that ties records to these weights (of the file, or of the sorted list of its shards' hashes)."""
        hashes = [sha256_of(path) for path in self.weights]
        if len(hashes) == 1:
            return hashes[0]
        import hashlib

        return hashlib.sha256("".join(hashes).encode()).hexdigest()


def find_model(name: str) -> ModelFiles:
    """The folder of a model named by path, hub id or `ID@REVISION` (looked up in the mirror when one is set).

    Raises:
        AlumbenchError: It is nowhere, has no safetensors, or wants to run code of its own.
    """
    path, revision = Path(name).expanduser(), ""
    name, _, wanted = name.partition("@")
    root = mirror()
    if not path.is_dir() and root is not None:
        path = root / "models" / name
        if wanted:
            raise AlumbenchError(f"{name}@{wanted}: a mirror has no revisions; unset ALUMBENCH_MIRROR to use the hub")
        if not path.is_dir():
            models = root / "models"
            known = [str(at.parent.relative_to(models)) for at in models.glob("**/config.json")]
            raise unknown("model", name, known) if known else AlumbenchError(f"{path}: no such model in the mirror")
    elif not path.is_dir():
        path, revision = _download(name, wanted)
    check_folder(path)
    files = ModelFiles(path, revision)
    if not files.weights:
        found = ", ".join(sorted(p.name for p in path.iterdir() if p.suffix in {".bin", ".pt", ".pth", ".pkl"}))
        raise AlumbenchError(
            f"{path}: no .safetensors file"
            + (f"; {found} is a pickle, which can run code when it is loaded, so it is refused" if found else "")
            + ". If you trust it, convert it: model.save_pretrained(folder, safe_serialization=True)"
        )
    return files


def _download(name: str, revision: str) -> tuple[Path, str]:
    import huggingface_hub

    try:
        folder = huggingface_hub.snapshot_download(
            name,
            revision=revision or None,
            allow_patterns=["*.safetensors", "*.json", "*.txt", "*.model", "tokenizer*"],
        )
    except Exception as error:
        raise AlumbenchError(
            f"model '{name}': no such folder, and the hub request failed "
            f"({type(error).__name__}: {str(error).splitlines()[0][:160]}). "
            f"Give a folder, go online, or set ALUMBENCH_MIRROR to a folder with models/{name}"
        ) from error
    return Path(folder), Path(folder).name


def checkpoint_task(files: ModelFiles, name: str = "") -> Task:
    """The task a checkpoint was trained on: its own record of it, or the task of that name.

    Raises:
        AlumbenchError: It has no `training.json` and no name was given.
    """
    if name:
        return load_task(name)
    record = files.path / PROVENANCE
    if not record.is_file():
        raise AlumbenchError(f"{files.path}: no {PROVENANCE}, so its task is unknown; name it with --task")
    values = read_object(record).get("task")
    if not isinstance(values, dict):
        raise AlumbenchError(f"{record}: 'task' must be an object, not {kind_of(values)}; name the task with --task")
    return in_folder(Task.from_dict(values, where=str(record)), files.path)
