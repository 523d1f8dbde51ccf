"""`/docs`: Swagger UI and the OpenAPI document behind it, all of it served from here.

No CDN, no inline script and no inline style sheet, so that the strict Content-Security-Policy sent along holds. Styles
set by scripts are what Swagger UI can't do without.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import swagger_ui_bundle

from bentos.scorer.openapi import document

HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"public, max-age=300"),
)

_PAGE: Final = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Propensity: the API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START: Final = b"""SwaggerUIBundle({url: "/docs.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null});
"""
_ASSETS: Final = {
    "swagger-ui.css": b"text/css; charset=utf-8",
    "swagger-ui-bundle.js": b"text/javascript; charset=utf-8",
    "favicon-32x32.png": b"image/png",
}


@dataclass(frozen=True, kw_only=True)
class Page:
    """One thing to be served as it is."""

    body: bytes
    kind: bytes


@functools.cache
def all_pages() -> dict[str, Page]:
    """Return every page by its path."""
    folder = Path(swagger_ui_bundle.swagger_ui_path)
    assets = {
        f"/docs/{name}": Page(body=(folder / name).read_bytes(), kind=kind) for name, kind in _ASSETS.items()
    }
    return assets | {
        "/docs": Page(body=_PAGE, kind=b"text/html; charset=utf-8"),
        "/docs/start.js": Page(body=_START, kind=b"text/javascript; charset=utf-8"),
        "/docs.json": Page(body=msgspec.json.encode(document()), kind=b"application/json"),
    }
