"""A stand-in for the hub's API, on this machine: as much of it as creating a repository and one commit ask for.

It is no hub: it was written from what huggingface_hub sends (0.36 and 2.4), and nobody compared its answers with those
of the real one.
"""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: Tokens and what they may do; others are unknown.
WRITER, READER, BREAKS = "hf_writer0000000000", "hf_reader0000000000", "hf_breaks0000000000"


class Hub:
    """A server on a free port of this machine that keeps what it is sent.

    Attributes:
        files: content by branch and path, as committed.
        repositories: what was asked for when each was made.
        calls: method and path of every request.
    """

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], bytes] = {}
        self.repositories: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.large: dict[str, bytes] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> Hub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, token: str, body: bytes) -> tuple[int, Any]:
        """Status and JSON of one request."""
        if method == "PUT":
            self.large[path.rpartition("/")[2]] = body
            return 200, {}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if token == BREAKS:
            return 500, {"error": f"broken, and it repeats {token}"}
        if token not in {WRITER, READER}:
            return 401, {"error": "Invalid credentials in Authorization header"}
        if token == READER:
            return 403, {"error": "You don't have the rights to create a model under the namespace"}
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            if name in self.repositories:
                return 409, {"error": "You already created this model repo", "url": f"{self.address}/{name}"}
            self.repositories[name] = asked
            return 200, {"url": f"{self.address}/{name}", "name": name}
        last = path.rpartition("/")[2]
        if "/branch/" in path:
            return 200, {}
        if "/preupload/" in path:
            modes = [
                {"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(".safetensors") else "regular"}
                for f in json.loads(body)["files"]
            ]
            return 200, {"files": [mode | {"shouldIgnore": False, "oid": None} for mode in modes]}
        if path.endswith("/info/lfs/objects/batch"):
            objects = [
                item | {"actions": {"upload": {"href": f"{self.address}/large/{item['oid']}", "header": {}}}}
                for item in json.loads(body)["objects"]
            ]
            return 200, {"transfer": "basic", "objects": objects}
        if "/commit/" in path:
            for line in body.splitlines():
                self._commit(last, json.loads(line))
            name, commit = path.removeprefix("/api/models/").partition("/commit/")[0], "0" * 40
            return 200, {"commitUrl": f"{self.address}/{name}/commit/{commit}", "commitOid": commit, "success": True}
        return 404, {"error": f"the stand-in has no {method} {path}"}

    def _commit(self, branch: str, line: dict[str, Any]) -> None:
        value = line["value"]
        if line["key"] == "file":
            self.files[branch, value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile":
            self.files[branch, value["path"]] = self.large[value["oid"]]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                path = self.path.partition("?")[0]
                hub.calls.append(f"{self.command} {path}")
                status, content = hub.answer(self.command, path, token, body)
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                if status >= 400:
                    self.send_header("X-Error-Message", str(content.get("error", "")))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_HEAD = _any  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_: object) -> None:
                """Keeps the tests' output clean."""

        return Handler
