"""Evaluate a model that you can reach over HTTP only.

The server below stands for yours. It answers `POST {"texts": [...]}` with `{"scores": [[...], ...]}`.
"""

import csv
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import alumbench as ab

LABELS = ["negative", "positive"]
GOOD = {"good", "great", "lovely", "brilliant", "charming", "superb", "clever", "moving", "fresh", "delightful"}
BAD = {"bad", "awful", "dull", "terrible", "clumsy", "dreadful", "stupid", "boring", "stale", "annoying"}


class Handler(BaseHTTPRequestHandler):
    """Counts good and bad words."""

    protocol_version = "HTTP/1.1"  # keeps a connection open: without it each request needs a new one

    def do_POST(self) -> None:
        """Answers one batch of texts."""
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["texts"]
        answer = json.dumps({"scores": [self.score(text.lower().split()) for text in texts]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def score(self, words: list[str]) -> list[float]:
        """Probabilities of negative and positive."""
        lead = sum(word in GOOD for word in words) - sum(word in BAD for word in words)
        positive = 1 / (1 + 2.0 ** (-lead))
        return [1 - positive, positive]

    def log_message(self, *arguments: object) -> None:
        """Keeps the terminal quiet."""


data = ab.load_data("mini-sentiment", "dev")
with Path("films.csv").open("w", newline="", encoding="utf-8") as file:
    table = csv.writer(file)
    table.writerow(["text", "label"])
    table.writerows(list(zip(data.texts, data.labels))[:40])

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)  # a free port
threading.Thread(target=server.serve_forever, daemon=True).start()
try:
    classifier = ab.Classifier.from_http(
        f"http://127.0.0.1:{server.server_port}/classify", LABELS, version="counts words, 1"
    )
    result = ab.evaluate(classifier, data="films.csv", out=f"results-{server.server_port}", progress=False)
finally:
    server.shutdown()
    server.server_close()

print(result)
result.report("endpoint-report.html")
