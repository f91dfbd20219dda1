"""A checkpoint's way to the hub, through huggingface_hub: one repository, one commit, errors in a line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from alumbench.errors import AlumbenchError
from alumbench.leaderboard.places import HUB_ID

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from alumbench.publishing.belongings import Sent

MAIN = "main"
LOGIN = "'hf auth login' stores a token with write access (or set HF_TOKEN)"


def check_repository(name: str) -> None:
    """Whether a name is one of a repository.

    Raises:
        AlumbenchError: It is none.
    """
    if not HUB_ID.fullmatch(name) or ".." in name or "--" in name or name.endswith((".", "-", ".git")):
        raise AlumbenchError(f"{name}: no name of a repository; give OWNER/NAME, for example my-name/sst2-alum")


def push(sent: Sequence[Sent], repository: str, private: bool = False, branch: str = MAIN) -> str:
    """Makes the repository where there is none and adds all files in one commit.

    Args:
        sent: the files.
        repository: OWNER/NAME.
        private: of a new repository; one that is there stays as it is.
        branch: made from `main` where there is none.

    Returns:
        Address of the commit.

    Raises:
        AlumbenchError: No token, no right, no network, or the hub refuses; the command that mends it is named.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, get_token

    check_repository(repository)
    token = get_token()
    if not token:
        raise AlumbenchError(f"{repository}: there is no token for the hub: {LOGIN}")
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
    """Turns whatever stops an upload into one line: huggingface_hub 0.x raises requests' errors, 1.x httpx's."""
    try:
        yield
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        said = " ".join(str(error).replace(token, "***").split())[:240]
        owner = repository.partition("/")[0]
        names = {kind.__name__ for kind in type(error).__mro__}
        if status == 401:
            line = f"the hub does not take the token (401): {LOGIN}"
        elif status in {403, 404}:
            line = (
                f"the token may not write there, or there is no '{owner}' ({status}): 'hf auth whoami' says whose it "
                f"is, 'hf auth login' takes another"
            )
        elif "OfflineModeIsEnabled" in names:
            line = "HF_HUB_OFFLINE is set: unset it, and run the same command again"
        elif status is None and names & {"ConnectionError", "ConnectError", "Timeout", "TimeoutException"}:
            line = f"{api.endpoint} is not reached ({type(error).__name__}): go online, then run the same command again"
        else:
            line = f"the hub refuses it ({type(error).__name__}: {said}); 'alumbench push … --dry-run' lists the files"
        raise AlumbenchError(f"{repository}: {line}") from None  # the cause may hold the request, and with it the token
