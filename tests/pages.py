"""Reports' pages in tests: how they are made, and what is read off them."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from clsunbias.__main__ import main
from tests.fakes import TOY_GRID

TOY_COLUMN = {**TOY_GRID["columns"]["balanced"], "label": "Made up"}


class Tables(HTMLParser):
    """Rows of every table as texts, by the heading, summary or caption above it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.title, self.within = "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"h3", "summary"}:
            self.title, self.within = "", "title"
        elif tag == "table":
            self.tables[self.title] = []
        elif tag == "tr":
            self.tables[self.title].append([])
        elif tag in {"td", "th"}:
            self.tables[self.title][-1].append("")
            self.within = "cell"

    def handle_endtag(self, tag: str) -> None:
        if tag in {"h3", "summary", "td", "th"}:
            self.within = ""

    def handle_data(self, data: str) -> None:
        if self.within == "title":
            self.title += data
        elif self.within == "cell":
            self.tables[self.title][-1][-1] += data


def report(folder: Path, html: Path, *options: str) -> int:
    """Writes a folder's page."""
    return main(["report", str(folder), "--html", str(html), *options])


def records(html: Path) -> dict[str, Any]:
    """What the page's script works on."""
    found = re.search(r'<script id="records" type="application/json">(.*?)</script>', html.read_text(), re.DOTALL)
    assert found
    return dict(json.loads(found[1], parse_constant=pytest.fail))  # a browser reads no NaN


def fitted(name: str, seed: int, **data: Any) -> dict[str, Any]:
    """A saved config of ``fit``."""
    section = {"class_path": "clsunbias.data.Toy", "init_args": data}
    return {"seed_everything": seed, "trainer": {"max_epochs": 3}, "model": {"objective": name}, "data": section}
