"""An HTTP endpoint as a classifier: JSON batches, retries, a rate limit, and keys that are never written anywhere.

Two formats. `plain`:

    POST {"texts": ["a text", …]}                     pairs: {"texts": [["premise", "hypothesis"], …]}
    200  {"scores": [[0.1, 0.9], …]}                  one row per text, in the order of --labels
         {"labels": ["positive", …]}                  instead, with --hard-labels

`huggingface`, the format of text-classification inference:

    POST {"inputs": ["a text", …], "parameters": {"top_k": 2}}      pairs: {"text": …, "text_pair": …}
    200  [[{"label": "positive", "score": 0.9}, {"label": "negative", "score": 0.1}], …]
         [{"label": "positive", "score": 0.9}, …]     one per text: with --hard-labels
"""

from __future__ import annotations

import email.utils
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from alumbench.errors import AlumbenchError, ClassifierStopped, shown
from alumbench.models.answers import AUTO, PROBABILITIES, AnswerReader, named_scores, print_note
from alumbench.models.classifier import Identity, Texts, check_labels, check_texts
from alumbench.models.redaction import redacted

if TYPE_CHECKING:
    from torch import Tensor

FORMATS = ("plain", "huggingface")
#: Status codes after which the request is retried.
LATER = (408, 425, 429, 500, 502, 503, 504)
#: Status codes that may be about a single text: bad request, too large, cannot be processed.
OF_A_TEXT = (400, 413, 422)
#: Seconds before the first retry (then twice, four times, …), and the most before any retry, whatever Retry-After says.
FIRST_WAIT, LONGEST_WAIT = 0.5, 120.0
#: Maximum size of an answer in bytes.
MOST = 256 << 20


@dataclass(frozen=True)
class HttpOptions:
    """The settings of requests to an endpoint.

    Attributes:
        format: `plain` or `huggingface`.
        timeout: seconds within which an answer must start, and between parts of it.
        retries: retries after a timeout, a lost connection, or a status in `LATER`.
        requests_per_second: maximum rate; 0 for no limit.
        auth_env: name of the environment variable with the key; '' for none.
        version: of the endpoint's model, as the user declares it: the address does not show when it changes.
    """

    format: str = "plain"
    timeout: float = 60.0
    retries: int = 5
    requests_per_second: float = 0.0
    auth_env: str = ""
    version: str = ""

    def __post_init__(self) -> None:
        """Checks the values."""
        if self.format not in FORMATS:
            raise AlumbenchError(f"--http-format {self.format}: expected one of {', '.join(FORMATS)}")
        if self.timeout <= 0 or self.retries < 0 or self.requests_per_second < 0:
            raise AlumbenchError("--timeout has to be above 0, --retries and --rate-limit 0 or more")


class HttpClassifier:
    """An endpoint that scores batches of texts."""

    def __init__(
        self,
        url: str,
        labels: Sequence[str],
        options: HttpOptions | None = None,
        *,
        scores: str = AUTO,
        hard_labels: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        """Stores the address; nothing is sent yet.

        Args:
            url: address that batches are posted to.
            labels: names of its outputs, in order.
            options: settings of the requests.
            scores: what its scores are; with `auto`, those of the format `huggingface` are probabilities.
            hard_labels: use only its label.
            say: called with one line about each retry, and about how the scores are interpreted.

        Raises:
            AlumbenchError: The address is invalid, or the key's variable is not set or not a valid header.
        """
        self._options, self._say = options or HttpOptions(), say
        try:
            parts = urlsplit(url)
            self.name, port = redacted(url), parts.port
        except ValueError:
            raise AlumbenchError("the endpoint's address is not a valid URL: check its host and port") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise AlumbenchError(f"{self.name}: expected http://HOST… or https://HOST…")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self._url = urlunsplit((parts.scheme, f"{host}:{port}" if port else host, parts.path or "/", parts.query, ""))
        self._login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if "@" in parts.netloc else ""
        self._labels, self.hard_label_only = check_labels(labels, self.name), hard_labels
        self._said_scores = scores
        scores = PROBABILITIES if scores == AUTO and self._options.format == "huggingface" else scores
        self._reader = AnswerReader(self.name, self._labels, scores, hard_labels, say)
        self._headers(check_only=True)
        self._pool: Any = None
        self._next = 0.0

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of its outputs, in order."""
        return self._labels

    @property
    def scores(self) -> str:
        """`probabilities` or `logits`, how its scores are interpreted; may be `auto` before its first answer."""
        return self._reader.scores

    def take_scores_for(self, scores: str) -> None:
        """Interprets its scores as in the run that is resumed."""
        self._reader.scores = scores

    @property
    def identity(self) -> Identity:
        """Its address without secrets, the format, and what else the user declares."""
        said = {"version": self._options.version, "scores": self._said_scores.removeprefix(AUTO)}
        said = {name: value for name, value in said.items() if value}
        return Identity("http", self.name, {"format": self._options.format, **said})

    def predict(self, texts: Sequence[Texts]) -> Tensor:
        """Logits, (n, labels) float32.

        Raises:
            ClassifierStopped: The endpoint refuses the request, or its answer does not match the format.
            AlumbenchError: It cannot answer these texts, or returned a score that is NaN or infinite.
        """
        check_texts(texts)
        return self._reader.logits(self._read(self._ask(self._body(texts)), len(texts)), len(texts))

    def __getstate__(self) -> dict[str, object]:
        """The state without open connections; the key is not part of it.

        Raises:
            AlumbenchError: It has a rate limit, which processes cannot share.
        """
        if self._options.requests_per_second:
            raise AlumbenchError(f"{self.name}: --rate-limit holds for one process, not for several")
        return vars(self) | {"_pool": None, "_say": print_note}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Restores the state.

        Raises:
            AlumbenchError: The key's variable is not set here.
        """
        vars(self).update(state)
        try:
            self._headers(check_only=True)
        except AlumbenchError as error:
            raise AlumbenchError(f"{error}; keys are not sent to nodes: set it where this process is started") from None

    def _body(self, texts: Sequence[Texts]) -> dict[str, object]:
        if self._options.format == "huggingface":
            inputs = [text[0] if len(text) == 1 else {"text": text[0], "text_pair": text[1]} for text in texts]
            return {"inputs": inputs, "parameters": {"top_k": len(self._labels)}}
        return {"texts": [text[0] if len(text) == 1 else list(text) for text in texts]}

    def _ask(self, body: Mapping[str, object]) -> Any:
        """Posts the request, with retries, and returns the JSON of the answer."""
        content = json.dumps(body).encode()
        for attempt in range(self._options.retries + 1):
            self._wait_for_turn()
            status, headers, answer, problem = self._post(content)
            if not problem and status == 200:
                break
            if not problem and status not in LATER:
                self._refused(status, answer)
            problem = problem or f"status {status}"
            if attempt < self._options.retries:
                wait = _seconds(headers.get("Retry-After"), FIRST_WAIT * 2**attempt)
                self._say(f"note: {self.name}: {problem}; retrying in {wait:.3g} s")
                time.sleep(wait)
        else:
            tries = self._options.retries + 1
            raise AlumbenchError(f"{self.name}: {problem}, after {tries} {'try' if tries == 1 else 'tries'}")
        try:
            return json.loads(answer)
        except (ValueError, RecursionError):
            raise ClassifierStopped(f"{self.name}: its answer is not JSON: {self._excerpt(answer)}") from None

    def _post(self, content: bytes) -> tuple[int, Mapping[str, str], bytes, str]:
        """Sends one request: status, headers, body, and a problem in our words, as the library's contain the URL."""
        import urllib3
        from urllib3 import exceptions

        if self._pool is None:
            self._pool = urllib3.PoolManager()
        timeout = urllib3.Timeout(connect=self._options.timeout, read=self._options.timeout)
        settings: dict[str, object] = {
            "retries": False,
            "redirect": False,
            "timeout": timeout,
            "preload_content": False,
        }
        try:
            response = self._pool.request("POST", self._url, body=content, headers=self._headers(), **settings)
            try:
                answer = response.read(MOST + 1, decode_content=True)
            finally:
                response.release_conn()
        except exceptions.NewConnectionError as error:  # for urllib3 this is a kind of timeout
            return 0, {}, b"", _connection(error)
        except exceptions.TimeoutError:
            return 0, {}, b"", f"no answer within {self._options.timeout:g} s"
        except exceptions.SSLError as error:
            raise ClassifierStopped(f"{self.name}: no secure connection ({type(error).__name__})") from None
        except exceptions.HTTPError as error:
            return 0, {}, b"", _connection(error)
        if len(answer) > MOST:
            raise ClassifierStopped(f"{self.name}: its answer is larger than {MOST:,} bytes")
        return response.status, response.headers, answer, ""

    def _headers(self, check_only: bool = False) -> dict[str, str]:
        from alumbench import __version__

        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        headers["User-Agent"] = f"alumbench/{__version__}"
        if self._options.auth_env:
            key = os.environ.get(self._options.auth_env, "").strip()
            if not key:
                raise AlumbenchError(f"--auth-env {self._options.auth_env}: this environment variable is not set")
            if not key.isascii() or not key.isprintable():
                raise AlumbenchError(
                    f"--auth-env {self._options.auth_env}: its value is not a valid header (one line of ASCII)"
                )
            headers["Authorization"] = key if " " in key else f"Bearer {key}"
        elif self._login and not check_only:
            from urllib3.util import make_headers

            headers |= make_headers(basic_auth=self._login)
        return headers

    def _wait_for_turn(self) -> None:
        if self._options.requests_per_second:
            time.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + 1 / self._options.requests_per_second

    def _refused(self, status: int, answer: bytes) -> None:
        said = f": {self._excerpt(answer)}" if answer.strip() else ""
        if status in OF_A_TEXT:
            raise AlumbenchError(f"{self.name}: status {status}{said}")
        hints = {401: "; name the key's variable with --auth-env", 403: "; does the key in --auth-env have access?"}
        hint = hints.get(status, "")
        if 300 <= status < 400:
            hint = "; it redirects, which is not followed: give the address that it redirects to"
        raise ClassifierStopped(f"{self.name}: status {status}{hint}{said}")

    def _excerpt(self, answer: bytes) -> str:
        """The start of an answer, without the key, which some servers echo."""
        text = answer[:2000].decode(errors="replace")
        key = os.environ.get(self._options.auth_env, "").strip() if self._options.auth_env else ""
        secrets = [key, key.rpartition(" ")[2], self._login, self._login.partition(":")[2], urlsplit(self._url).query]
        for secret in filter(None, secrets):
            text = text.replace(secret, "…")
        return shown(text, 160)

    def _read(self, answer: Any, count: int) -> Any:
        if self._options.format == "huggingface":
            return self._read_huggingface(answer, count)
        names = ("labels", "scores") if self.hard_label_only else ("scores",)
        for name in names:
            if isinstance(answer, dict) and isinstance(answer.get(name), list):
                return answer[name]
        raise self._no_format(f'{{"{names[-1]}": [[…], …]}}', answer)

    def _read_huggingface(self, answer: Any, count: int) -> Any:
        if isinstance(answer, list) and answer and isinstance(answer[0], dict) and not self.hard_label_only:
            if count == 1 and len(answer) == len(self._labels):
                answer = [answer]  # some servers drop the outer list of one text
            else:
                raise ClassifierStopped(
                    f"{self.name}: gives one label per text; it must give all with their scores (top_k), or its label "
                    f"alone with --hard-labels"
                )
        rows = [row if isinstance(row, list) else [row] for row in answer] if isinstance(answer, list) else []
        if self.hard_label_only and count == 1 and len(rows) == len(self._labels):
            rows = [[one for row in rows for one in row]]
        every = [one for row in rows for one in row]
        well = [isinstance(one, dict) and "label" in one and _is_number(one.get("score")) for one in every]
        if not rows or len(rows) != count or not all(rows) or not all(well):
            raise self._no_format('[[{"label": …, "score": …}, …], …]', answer)
        if self.hard_label_only:
            best = [max(row, key=lambda one: one["score"])["label"] for row in rows]
            numbers = {f"LABEL_{at}": name for at, name in enumerate(self._labels)}
            return [numbers.get(label, label) for label in best]
        return named_scores(rows, self._labels, self.name)

    def _no_format(self, expected: str, answer: Any) -> ClassifierStopped:
        got = self._excerpt(json.dumps(answer)[:2000].encode())
        return ClassifierStopped(f"{self.name}: expected {expected} ({self._options.format} format), got {got}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _seconds(said: str | None, otherwise: float) -> float:
    """Seconds that a Retry-After header (a number or a date) asks for, bounded."""
    found = otherwise
    if said:
        try:
            found = float(said)
        except ValueError:
            date = email.utils.parsedate_tz(said)
            found = email.utils.mktime_tz(date) - time.time() if date else otherwise
    return min(max(found, 0.0), LONGEST_WAIT) if found == found else otherwise


def _connection(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return f"no connection ({cause.strerror})"
        cause = cause.__cause__ or cause.__context__
    return f"no connection ({type(error).__name__})"
