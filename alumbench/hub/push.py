"""Uploads a checkpoint with huggingface_hub: one repository, one commit, errors in one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from alumbench.errors import AlumbenchError
from alumbench.leaderboard.strip_paths import HUB_ID

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from alumbench.hub.upload_files import Sent

MAIN = "main"
LOGIN = "'hf auth login' stores a token with write access (or set HF_TOKEN)"


def check_repository(name: str) -> None:
    """Checks that a name is a valid repository name.

    Raises:
        AlumbenchError: It is not.
    """
    if not HUB_ID.fullmatch(name) or ".." in name or "--" in name or name.endswith((".", "-", ".git")):
        raise AlumbenchError(f"{name}: not a repository name; give OWNER/NAME, for example my-name/sst2-alum")


def push(sent: Sequence[Sent], repository: str, private: bool = False, branch: str = MAIN) -> str:
    """Creates the repository if it does not exist, and adds all files in one commit.

    Args:
        sent: the files.
        repository: OWNER/NAME.
        private: makes a new repository private; an existing one is not changed.
        branch: created from `main` if it does not exist.

    Returns:
        The commit's address.

    Raises:
        AlumbenchError: No token, no permission, no network, or the hub refuses; the message names a command that helps.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, get_token

    check_repository(repository)
    token = get_token()
    if not token:
        raise AlumbenchError(f"{repository}: no token for the hub: {LOGIN}")
    api = HfApi(token=token, library_name="alumbench")
    with _told(api, repository, token):
        api.create_repo(repository, repo_type="model", private=private, exist_ok=True)
        if branch != MAIN:
            api.create_branch(repository, branch=branch, exist_ok=True)
        files = [CommitOperationAdd(file.path, file.content) for file in sent]
        commit = api.create_commit(repository, files, commit_message="Checkpoint, card and results", revision=branch)
    return str(commit.commit_url)


@contextlib.contextmanager
def _told(api: HfApi, repository: str, token: str) -> Iterator[None]:
    """Turns any upload error into one line: huggingface_hub 0.x raises requests' errors, 1.x httpx's."""
    try:
        yield
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        said = " ".join(str(error).replace(token, "***").split())[:240]
        owner = repository.partition("/")[0]
        names = {kind.__name__ for kind in type(error).__mro__}
        if status == 401:
            line = f"the hub rejects the token (401): {LOGIN}"
        elif status in {403, 404}:
            line = (
                f"the token may not write there, or there is no '{owner}' ({status}): 'hf auth whoami' says whose it "
                f"is, 'hf auth login' takes another"
            )
        elif "OfflineModeIsEnabled" in names:
            line = "HF_HUB_OFFLINE is set: unset it, then rerun the same command"
        elif status is None and names & {"ConnectionError", "ConnectError", "Timeout", "TimeoutException"}:
            line = f"{api.endpoint} cannot be reached ({type(error).__name__}): go online, then rerun the same command"
        else:
            line = f"the hub refused it ({type(error).__name__}: {said}); 'alumbench push … --dry-run' lists the files"
        raise AlumbenchError(f"{repository}: {line}") from None  # the cause may contain the request with the token
