"""What the pages load, all of it from here: our own files, and htmx as installed.

They are sent compressed to whoever takes that. Pages are not: they hold a secret (the token of
their forms) beside what an address says, and their compressed length would tell of it.
"""

from __future__ import annotations

import gzip
import hashlib
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def mount() -> Mount:
    """The route `/static`."""
    own = files("dashboards.board") / "static"
    htmx = files("django_htmx") / "static" / "django_htmx"
    assets = {
        "board.css": (own / "board.css").read_bytes(),
        "board.js": (own / "board.js").read_bytes(),
        "keys.js": (own / "keys.js").read_bytes(),
        "icon.svg": (own / "icon.svg").read_bytes(),
        "htmx-2.min.js": (htmx / "htmx-2.min.js").read_bytes(),
        "hx-sse-2.min.js": (htmx / "ext" / "hx-sse-2.min.js").read_bytes(),
    }
    tags = {name: f'"{hashlib.sha256(body).hexdigest()[:16]}"' for name, body in assets.items()}
    packed = {name: gzip.compress(body, mtime=0) for name, body in assets.items()}

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        name = scope["path"].rpartition("/")[2]
        known = scope["path"].removesuffix(name) == scope["root_path"] + "/" and name in assets
        if request.method not in ("GET", "HEAD"):
            answer = Response(status_code=405, headers={"allow": "GET, HEAD"})
        elif not known:
            answer = Response(status_code=404)
        elif request.headers.get("if-none-match") in (tags[name], f"W/{tags[name]}"):
            answer = Response(status_code=304, headers={"etag": tags[name]})
        else:
            kind = _TYPES[name.rpartition(".")[2]]
            # no-cache: asked again each time, and answered by 304 while it is the same
            headers = {"cache-control": "no-cache", "vary": "accept-encoding"}
            if "gzip" in request.headers.get("accept-encoding", ""):
                headers |= {"etag": f"W/{tags[name]}", "content-encoding": "gzip"}
                answer = Response(packed[name], media_type=kind, headers=headers)
            else:
                headers["etag"] = tags[name]
                answer = Response(assets[name], media_type=kind, headers=headers)
        await answer(scope, receive, send)

    return Mount("/static", app=serve)
