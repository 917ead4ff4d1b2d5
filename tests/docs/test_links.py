"""Links and pictures of the documentation lead somewhere, and every page can be reached from the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.pages import PAGES, ROOT, anchors, links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_resolves(page: Path) -> None:
    for line, address in links(page):
        if "://" in address:
            continue
        name, _, anchor = address.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}:{line}: {address}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}:{line}: {target.name} has no heading #{anchor}"


def test_every_page_is_reached_from_the_readme() -> None:
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        targets = {(page.parent / address.partition("#")[0]).resolve() for _, address in links(page)}
        ahead += [target for target in targets if target in PAGES and target not in reached]
    assert not [page.name for page in PAGES if page not in reached]


def test_pictures_are_small_and_need_no_network() -> None:
    shown = {
        (page.parent / address).resolve() for page in PAGES for _, address in links(page) if "pictures/" in address
    }
    pictures = {path for path in (ROOT / "docs" / "pictures").iterdir() if path.suffix in (".svg", ".png")}
    assert shown == pictures
    for path in pictures:
        assert path.stat().st_size < 150_000, path.name
        if path.suffix == ".svg":
            text = path.read_text(encoding="utf-8")
            assert "@font-face" not in text
            assert not re.search(r"(href|src|url\()=?[\"']?https?:", text), path.name
