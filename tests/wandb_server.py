"""Enough of the service's HTTP interface for wandb to send runs to this machine: what it got can be looked at."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Service:
    """What the service holds.

    Attributes:
        url: of it.
        rows: run → its history, in order.
        runs: run → the fields that it was last opened with.
        sent: all that came: path, headers and content of each request.
    """

    url: str = ""
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[bytes] = field(default_factory=list)

    def steps(self, run: str) -> list[int]:
        """Steps of a run's history."""
        return [row["_step"] for row in self.rows[run]]

    def answer(self, query: str, asked: dict[str, Any]) -> dict[str, Any]:
        """The data that answer a GraphQL request."""
        project = {"id": "p", "name": asked.get("project"), "entity": {"id": "e", "name": "me"}}
        if "query RunResumeStatus" in query:
            rows = self.rows.get(asked["name"])
            if rows is None:
                return {"model": None}
            bucket = {"id": asked["name"], "name": asked["name"], "displayName": asked["name"], "config": "{}"}
            bucket |= {"summaryMetrics": "{}", "wandbConfig": '{"t": 1}', "tags": []}
            bucket |= {"historyLineCount": len(rows), "eventsLineCount": 0, "logLineCount": 0, "eventsTail": "[]"}
            bucket["historyTail"] = json.dumps([json.dumps(row) for row in rows[-1:]])
            return {"model": {**project, "bucket": bucket}}
        if "mutation UpsertBucket" in query:
            name = asked["name"] or asked["id"]
            new = name not in self.rows
            kept = self.runs.setdefault(name, {})
            kept |= {key: value for key, value in asked.items() if value is not None}
            rows = self.rows.setdefault(name, [])
            bucket = {"id": name, "name": name, "displayName": name, "description": "", "config": "{}"}
            bucket |= {"sweepName": None, "historyLineCount": len(rows), "project": project}
            return {"upsertBucket": {"bucket": bucket, "inserted": new}}
        if "mutation CreateRunFiles" in query:
            files = [{"name": name, "uploadUrl": f"{self.url}/files/{name}"} for name in asked["files"]]
            return {"createRunFiles": {"runID": asked["run"], "uploadHeaders": [], "files": files}}
        if "query Viewer" in query:
            return {"viewer": {"id": "u", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}}
        return {}

    def stream(self, run: str, files: dict[str, Any]) -> None:
        """Takes lines of a run's files."""
        if history := files.get("wandb-history.jsonl"):
            start, lines = history["offset"], [json.loads(line) for line in history["content"]]
            self.rows[run][start : start + len(lines)] = lines


@contextmanager
def service() -> Iterator[Service]:
    """A service on a free port of this machine."""
    state = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

        def reply(self, content: Any, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def content(self) -> bytes:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            state.sent.append(f"{self.path}\n{self.headers}".encode() + body)
            return body

        def do_PUT(self) -> None:
            self.content()
            self.reply({})

        def do_POST(self) -> None:
            body = self.content()
            if self.path.endswith("/graphql"):
                asked = json.loads(body)
                data = state.answer(asked["query"], asked.get("variables") or {})
                self.reply({"data": data} if data else {"errors": [{"message": "this service has no such thing"}]})
            elif self.path.endswith("/file_stream"):
                state.stream(self.path.split("/")[-2], json.loads(body).get("files") or {})
                self.reply({})
            else:
                self.reply({}, 404)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a killed process breaks its connections
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
