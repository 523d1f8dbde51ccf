"""As much of a Kubernetes API server as one release needs: a CronJob to read, a Deployment to patch, Jobs to make.

tests/chart/test_chart_platform.py asks the same questions of a real one.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Document = dict[str, Any]
BATCH = "/apis/batch/v1/namespaces/market"
DEPLOYMENT = "/apis/apps/v1/namespaces/market/deployments/shop-scorer"
CRONJOB: Document = {
    "metadata": {"name": "shop-training", "uid": "c-1"},
    "spec": {
        "jobTemplate": {
            "metadata": {"labels": {"component": "training"}},
            "spec": {
                "backoffLimit": 3,
                "template": {
                    "metadata": {"labels": {"component": "training"}, "annotations": {"checksum": "abc"}},
                    "spec": {"containers": [{"name": "training", "image": "training:1"}]},
                },
            },
        }
    },
}


class ApiServer:
    """The objects, by path, and what was asked."""

    def __init__(self) -> None:
        deployment = {
            "metadata": {"generation": 1},
            "spec": {"replicas": 2, "template": {"metadata": {"annotations": {"checksum": "abc"}}}},
            "status": {},
        }
        self.objects: dict[str, Document] = {
            f"{BATCH}/cronjobs/shop-training": CRONJOB,
            DEPLOYMENT: deployment,
        }
        self.refuses = 0
        self.silent = threading.Event()
        self.url = ""

    def answer(self, method: str, path: str, body: Document | None) -> tuple[int, Document]:
        if self.refuses:
            return self.refuses, {"message": "no such right"}
        if method == "POST":
            return self._create(path, body or {})
        if path not in self.objects:
            return 404, {"message": "not found"}
        if method == "PATCH":
            found = self.objects[path]
            merged = merge(found, body or {})
            if merged != found:
                merged["metadata"]["generation"] += 1
            self.objects[path] = merged
        return 200, self.objects[path]

    def _create(self, path: str, body: Document) -> tuple[int, Document]:
        name = f"{path}/{body['metadata']['name']}"
        if name in self.objects:
            return 409, {"message": "already exists"}
        self.objects[name] = body
        return 201, body

    def roll_out(self) -> None:
        """Do what the Deployment's controller does, at once."""
        found = self.objects[DEPLOYMENT]
        names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        found["status"] = {"observedGeneration": found["metadata"]["generation"], **dict.fromkeys(names, 2)}

    def end(self, job: str, kind: str) -> None:
        """Let a Job end."""
        self.objects[f"{BATCH}/jobs/{job}"]["status"] = {"conditions": [{"type": kind, "status": "True"}]}


def merge(old: Document, patch: Document) -> Document:
    """RFC 7386, without removal."""
    new = dict(old)
    for name, value in patch.items():
        new[name] = merge(old.get(name, {}), value) if isinstance(value, dict) else value
    return new


@contextmanager
def serving(server: ApiServer) -> Iterator[ApiServer]:
    """Answer on a port of this machine while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        do_POST = do_PATCH = do_GET  # noqa: N815

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, said = server.answer(self.command, self.path, body)
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join(5)
