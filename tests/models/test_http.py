"""HTTP endpoints, against a real server in a thread: what it answers, when it fails, and what is never written."""

from __future__ import annotations

import json
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from alumbench.errors import AlumbenchError, ClassifierStopped
from alumbench.models import from_http
from alumbench.models import http as module
from alumbench.models.redaction import has_secrets, redacted, without_secrets

LABELS = ("negative", "positive")
SECRET = "s3cr3t-key"


class Server:
    """A server that scores texts by their first word, or does what `behave` says.

    Attributes:
        behave: given the number of the request and its JSON, gives status, headers and body; None for the plain answer.
        seen: of each request its headers and JSON.
    """

    def __init__(self) -> None:
        self.behave: Callable[[int, Any], tuple[int, dict[str, str], bytes] | None] = lambda number, body: None
        self.seen: list[tuple[dict[str, str], Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.seen.append((dict(self.headers), body))
                answer = server.behave(len(server.seen), body) or (200, {}, plain(body))
                status, headers, content = answer
                if status == 0:  # the connection is closed without a word
                    self.connection.close()
                    return
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/classify"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def scores_of(text: Any) -> list[float]:
    return [0.8, 0.2] if "bad" in str(text) else [0.25, 0.75]


def plain(body: Any) -> bytes:
    return json.dumps({"scores": [scores_of(text) for text in body["texts"]]}).encode()


def always(status: int, content: Any = b"", **headers: str) -> Callable[[int, Any], tuple[int, dict[str, str], bytes]]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return lambda number, asked: (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT", 0.001)


def probabilities(url: str, texts: list[tuple[str, ...]], **options: Any) -> list[list[float]]:
    rows = from_http(url, LABELS, **options).predict(texts).softmax(-1).tolist()
    return [[round(value, 4) for value in row] for row in rows]


def test_the_plain_format(server: Server) -> None:
    assert probabilities(server.url, [("bad",), ("good",)]) == [[0.8, 0.2], [0.25, 0.75]]
    assert server.seen[0][1] == {"texts": ["bad", "good"]}
    assert probabilities(server.url, [("a", "bad")]) == [[0.8, 0.2]]
    assert server.seen[1][1] == {"texts": [["a", "bad"]]}
    assert server.seen[0][0]["Content-Type"] == "application/json" and "Authorization" not in server.seen[0][0]


def test_the_hugging_face_format(server: Server) -> None:
    rows = [[{"label": "positive", "score": 0.9}, {"label": "NEGATIVE", "score": 0.1}]]
    server.behave = always(200, rows)
    assert probabilities(server.url, [("a",)], format="huggingface") == [[0.1, 0.9]]
    assert server.seen[0][1] == {"inputs": ["a"], "parameters": {"top_k": 2}}
    assert probabilities(server.url, [("a", "b")], format="huggingface") == [[0.1, 0.9]]
    assert server.seen[1][1]["inputs"] == [{"text": "a", "text_pair": "b"}]
    server.behave = always(200, rows[0])  # the outer list of one text dropped
    assert probabilities(server.url, [("a",)], format="huggingface") == [[0.1, 0.9]]
    server.behave = always(200, [{"label": "LABEL_1", "score": 0.9}, {"label": "LABEL_0", "score": 0.7}, rows[0][0]])
    with pytest.raises(ClassifierStopped, match="--hard-labels"):
        probabilities(server.url, [("a",), ("b",), ("c",)], format="huggingface")
    hard = probabilities(server.url, [("a",), ("b",), ("c",)], format="huggingface", hard_labels=True)
    assert hard == [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]


def test_labels_alone(server: Server) -> None:
    server.behave = always(200, {"labels": ["positive", "negative"]})
    assert probabilities(server.url, [("a",), ("b",)], hard_labels=True) == [[0.0, 1.0], [1.0, 0.0]]
    with pytest.raises(ClassifierStopped, match='expected {"scores"'):
        probabilities(server.url, [("a",), ("b",)])


@pytest.mark.parametrize("status", [429, 500, 503, 0])
def test_what_passes_is_asked_again(server: Server, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    server.behave = lambda number, body: None if number > 2 else (status, {}, b"")
    assert probabilities(server.url, [("bad",)]) == [[0.8, 0.2]]
    assert len(server.seen) == 3 and capsys.readouterr().out.count("retrying in") == 2


def test_retry_after_is_honoured(server: Server) -> None:
    server.behave = lambda number, body: None if number > 1 else (429, {"Retry-After": "0.2"}, b"")
    start = time.monotonic()
    assert probabilities(server.url, [("bad",)]) == [[0.8, 0.2]]
    assert time.monotonic() - start >= 0.2
    assert module._seconds("86400", 1.0) == module.LONGEST_WAIT
    assert module._seconds("Wed, 21 Oct 2015 07:28:00 GMT", 1.0) == 0.0
    assert module._seconds("soon", 1.0) == module._seconds(None, 1.0) == 1.0


def test_what_does_not_pass_is_told_in_one_line(server: Server) -> None:
    server.behave = always(500)
    with pytest.raises(AlumbenchError, match=r"/classify: status 500, after 3 tries$"):
        probabilities(server.url, [("a",)], retries=2)
    assert len(server.seen) == 3
    server.stop()
    with pytest.raises(AlumbenchError, match=r"no connection \(Connection refused\), after 1 try$"):
        probabilities(server.url, [("a",)], retries=0)


def test_a_slow_server(server: Server) -> None:
    def slow(number: int, body: Any) -> None:
        time.sleep(0.3 if number == 1 else 0)

    server.behave = slow
    assert probabilities(server.url, [("bad",)], timeout=0.1) == [[0.8, 0.2]]
    server.seen.clear()
    with pytest.raises(AlumbenchError, match=r"no answer within 0.1 s, after 1 try"):
        probabilities(server.url, [("bad",)], timeout=0.1, retries=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "its answer is not JSON: <html>"),
        (b"", "its answer is not JSON"),
        ([], 'expected {"scores"'),
        ({"score": [[0.5, 0.5]]}, 'expected {"scores"'),
        ({"scores": [[0.5, 0.5]] * 2}, r"shape \(2, 2\), expected \(1, 2\)"),
        ({"scores": [[0.5, None]]}, "expected numbers"),
        ({"scores": [["x", "y"]]}, "expected numbers"),
    ],
    ids=str,
)
@pytest.mark.parametrize("format", ["plain", "huggingface"])
def test_an_answer_in_no_format_ends_the_run(server: Server, content: Any, message: str, format: str) -> None:
    server.behave = always(200, content)
    expected = message if format == "plain" or "JSON" in message else 'expected .*"label"'
    with pytest.raises(ClassifierStopped, match=expected):
        probabilities(server.url, [("a",)], format=format)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, AlumbenchError), (413, AlumbenchError), (401, ClassifierStopped), (404, ClassifierStopped)],
)
def test_a_refusal_is_not_repeated(server: Server, status: int, kind: type) -> None:
    server.behave = always(status, b"no such thing")
    with pytest.raises(AlumbenchError, match=f"status {status}.*no such thing") as caught:
        probabilities(server.url, [("a",)])
    assert type(caught.value) is kind and len(server.seen) == 1


def test_a_redirect_is_not_followed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key would go where nobody sent it."""
    server.behave = always(307, Location="http://127.0.0.1:9/elsewhere")
    with pytest.raises(ClassifierStopped, match="status 307; it redirects"):
        probabilities(server.url, [("a",)])


def test_the_rate_limit(server: Server) -> None:
    classifier = from_http(server.url, LABELS, requests_per_second=20.0)
    start = time.monotonic()
    for _ in range(4):
        classifier.predict([("a",)])
    assert time.monotonic() - start >= 3 / 20


def test_secrets_are_sent_and_said_nowhere(server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("MY_KEY", SECRET)
    url = server.url.replace("http://", "http://me:hunter2@") + f"?token={SECRET}2"
    answers = iter([500, 401])
    server.behave = lambda number, body: (next(answers), {}, f"key {SECRET} or hunter2, token={SECRET}2".encode())
    classifier = from_http(url, LABELS, auth_env="MY_KEY")
    with pytest.raises(ClassifierStopped, match="status 401") as caught:
        classifier.predict([("a",)])
    headers = server.seen[0][0]
    assert headers["Authorization"] == f"Bearer {SECRET}"
    said = str(caught.value) + capsys.readouterr().out + json.dumps(classifier.identity.to_dict()) + repr(classifier)
    assert SECRET not in said and "hunter2" not in said
    assert classifier.identity.name == f"{server.url}?…"
    monkeypatch.setenv("MY_KEY", f"Token {SECRET}")
    server.behave = lambda number, body: None
    classifier.predict([("a",)])
    assert server.seen[-1][0]["Authorization"] == f"Token {SECRET}"
    assert from_http(url, LABELS).predict([("a",)]).shape == (1, 2)
    assert server.seen[-1][0]["authorization"].startswith("Basic ")


@pytest.mark.parametrize("value", ["", "a\nb", "schlüssel"])
def test_a_key_that_is_no_header_is_refused_unseen(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(AlumbenchError, match="--auth-env MY_KEY") as caught:
        from_http("http://localhost/", LABELS, auth_env="MY_KEY")
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize("url", ["http://", "http://[::1", "ftp://x/y", "http://x:port/", "x"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(AlumbenchError):
        from_http(url, LABELS)


def test_it_is_told_from_another_by_address_format_and_version() -> None:
    one = from_http("http://x/y?a=1", LABELS, version="1").identity
    assert one == from_http("https://me:p@x/y?b=2".replace("https", "http"), LABELS, version="1").identity
    for other in (from_http("http://x/z", LABELS, version="1"), from_http("http://x/y", LABELS, version="2")):
        assert other.identity.sha256 != one.sha256
    assert from_http("http://x/y", LABELS, scores="logits").identity.details["scores"] == "logits"


def test_it_goes_to_other_processes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.print", lambda *_: None)  # Ray replaces it
    classifier = from_http(server.url, LABELS)
    classifier.predict([("a",)])
    assert pickle.loads(pickle.dumps(classifier)).predict([("bad",)]).argmax() == 0


def test_redaction() -> None:
    assert redacted("https://a:b@h:1/p?q=1#f") == "https://h:1/p?…" and redacted("http://h/p") == "http://h/p"
    assert has_secrets("http://a@h/") and has_secrets("http://h/?q") and not has_secrets("http://h/p")
    assert without_secrets("x https://a:b@h/?k=1 'http://h/' http://[") == "x https://h/?… 'http://h/' http…"
