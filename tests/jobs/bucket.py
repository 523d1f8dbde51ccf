"""A bucket on loopback that speaks as much of S3 as reading takes: listing by prefix, and objects by range."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

ACCESS = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_REGION": "us-east-1"}
MADE = "2024-05-01T10:00:00.000Z"


class Bucket(BaseHTTPRequestHandler):
    """Answers those who sign; `objects` are its content by key, None that nobody may read it."""

    objects: Mapping[str, bytes] | None = None

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        _, _, key = address.path[1:].partition("/")
        if self.objects is None or "AWS4-HMAC-SHA256 Credential=reader" not in self.headers["Authorization"]:
            self.answer(403, b"")
        elif not key:
            self.answer(200, listing(self.objects, prefix=parse_qs(address.query).get("prefix", [""])[0]))
        elif key not in self.objects:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        elif asked := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
            self.answer(206, self.objects[key][int(asked[1]) : int(asked[2]) + 1])
        else:
            self.answer(200, self.objects[key])

    do_HEAD = do_GET  # noqa: N815

    def answer(self, status: int, body: bytes) -> None:
        """Send a status and a body; to HEAD its length alone."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Wed, 01 May 2024 10:00:00 GMT")
        self.send_header("ETag", '"one"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def listing(objects: Mapping[str, bytes], *, prefix: str) -> bytes:
    """The objects under a prefix, as ListObjectsV2 names them."""
    found = "".join(
        f'<Contents><Key>{key}</Key><Size>{len(body)}</Size><ETag>"one"</ETag><LastModified>{MADE}</LastModified></Contents>'
        for key, body in sorted(objects.items())
        if key.startswith(prefix)
    )
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()


@contextmanager
def bucket(objects: Mapping[str, bytes] | None) -> Iterator[str]:
    """Serve these objects, or forbid everything; give the address of the store."""
    handler = type("OneBucket", (Bucket,), {"objects": objects})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
