"""The maintenance page as a file: ours is put whole and taken away, somebody's own is left alone."""

from pathlib import Path

import pytest

from watchdog.deploy.page import HTML, is_ours, put, take_away


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "maintenance.html"


def test_is_put_readable_for_the_proxy_and_taken_away_again(page: Path) -> None:
    assert put(page)
    assert (page.read_bytes(), page.stat().st_mode & 0o777) == (HTML, 0o644)
    assert put(page), "again is no harm"
    assert take_away(page)
    assert list(page.parent.iterdir()) == []
    assert not take_away(page)


@pytest.mark.parametrize("content", [b"", b"<h1>ours by hand</h1>"])
def test_somebodys_own_file_is_neither_overwritten_nor_removed(page: Path, content: bytes) -> None:
    page.write_bytes(content)
    assert not put(page)
    assert not take_away(page)
    assert page.read_bytes() == content
    assert list(page.parent.iterdir()) == [page]


def test_a_link_is_somebodys_own_wherever_it_points(page: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.html"
    elsewhere.write_bytes(HTML)
    page.symlink_to(elsewhere)
    assert not put(page)
    assert not take_away(page)
    assert page.is_symlink()
    page.unlink()
    page.symlink_to(tmp_path / "nowhere")
    assert not put(page)
    assert not (tmp_path / "nowhere").exists()


def test_what_a_crash_left_half_made_goes_too(page: Path) -> None:
    half = page.with_name(".maintenance.html.ops-watchdog")
    half.write_bytes(HTML[:20])
    assert not take_away(page)
    assert not half.exists()
    half.write_bytes(HTML[:20])
    assert put(page)
    assert list(page.parent.iterdir()) == [page]


def test_without_its_directory_it_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        put(tmp_path / "gone" / "maintenance.html")
    assert not is_ours(tmp_path / "gone" / "maintenance.html")


def test_the_page_needs_nothing_from_elsewhere() -> None:
    for word in (b"src=", b"href=", b"http://", b"https://", b"url("):
        assert word not in HTML
