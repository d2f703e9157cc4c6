"""Answers to requests that are refused: JSON for the page, and a small page for a person."""

import html
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, Response

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Neural style studio</title></head>
<body><main><h1>Neural style studio</h1><p>{}</p></main></body></html>
"""


def refusal(asked: Headers, status: int, answer: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """The response to a request that is refused. asked: its headers. answer: JSON with the sentence as "error"."""
    if asked.get("sec-fetch-dest", "document") != "document" or "text/html" not in asked.get("accept", ""):
        return JSONResponse(answer, status, headers)
    sentence = answer["error"]
    return HTMLResponse(PAGE.format(html.escape(sentence[:1].upper() + sentence[1:] + ".")), status, headers)
