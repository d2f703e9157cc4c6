"""Choosing a photograph and paintings: examples, files, drops, folders; what is uploaded is named, kept and deleted."""

import numpy as np
import pytest
from PIL import Image

from tests.studio.conftest import Studio
from tests.studio.page.conftest import Page

pytestmark = pytest.mark.exhaustive
TITLES = "shelf => [...document.querySelectorAll(`${shelf} button.pick`)].map(each => each.title)"


def picture(path, seed=0):
    """A picture of a few coloured squares, unlike all others."""
    random = np.random.default_rng(seed)
    Image.fromarray(random.integers(0, 256, (6, 9, 3)).astype(np.uint8)).resize((90, 60), 0).save(path)
    return path


def titles(page, shelf):
    return page.page.evaluate(TITLES, shelf)


def test_a_painted_example_is_the_first_sight(browser, tmp_path, tiny_file):
    studio = Studio(tmp_path / "pictures", network=tiny_file)
    try:
        page = Page(browser, studio)
        page.until("() => document.querySelector('#picture').naturalWidth > 100")
        assert page.page.input_value("#slider") == "62"
        assert "An example" in page.text("#words")
        assert " in the style of " in page.text("#title")
        page.page.click("#try")
        assert page.page.locator(".pick[aria-pressed=true]").count() == 2
        page.until_impression()
        assert page.focused() == "paint"
        assert page.faults == []
        page.close()
    finally:
        studio.close()


def test_masterpieces_are_chosen_by_their_pictures(empty):
    shown = [title for title in titles(empty, "#styles") if title.count(",") >= 2]  # title, artist, year
    assert len(shown) >= 4
    empty.page.click(f'#styles button.pick[title="{shown[0]}"]')
    assert shown[0].split(",")[0] in empty.text("#styles-name")
    empty.page.click(f'#styles button.pick[title="{shown[0]}"]')  # and not chosen again
    assert empty.page.locator("#styles .pick[aria-pressed=true]").count() == 0


def test_the_photograph_is_on_the_canvas_at_once(empty, files):
    empty.choose("content", files[0])
    empty.until("() => document.querySelector('#picture').src.endsWith('/view')")
    assert empty.text("#title") == "photo"
    empty.choose("styles", files[1])
    empty.until_impression()
    assert empty.text("#title") == "photo in the style of painting"


def test_the_whole_window_takes_drops(empty, tmp_path):
    photo, painting = (picture(tmp_path / f"{name}.png", seed) for seed, name in enumerate(("left", "right")))
    empty.drop([photo], 300, 200)
    empty.until_chosen("content", "left")
    empty.drop([painting], 1000, 700)
    empty.until_chosen("styles", "right")
    assert empty.page.is_hidden("#drops")


def test_folders_are_read(empty, tmp_path):
    (tmp_path / "holiday" / "more").mkdir(parents=True)
    picture(tmp_path / "holiday" / "one.png", 2)
    picture(tmp_path / "holiday" / "more" / "two.png", 3)
    (tmp_path / "holiday" / "notes.txt").write_text("no picture")
    empty.drop([tmp_path / "holiday"], 1000, 300)
    empty.until_chosen("styles", "one")
    empty.until_chosen("styles", "two")
    assert empty.text("#notices") == ""
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "notes.txt").write_text("no picture")
    empty.drop([tmp_path / "papers"], 1000, 300)
    empty.until_text("#notices", "There are no pictures in the folder papers")


def test_mistakes_are_collected_until_they_are_dismissed(empty, tmp_path):
    first, second = picture(tmp_path / "first.png", 4), picture(tmp_path / "second.png", 5)
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_text(f"no picture {name}")
    empty.page.set_input_files("#choose-content", [first])
    empty.until_chosen("content", "first")
    empty.drop([second, first], 200, 200)
    empty.until_text("#notices", "One photograph is painted at a time; first stays on the shelf")
    empty.until_chosen("content", "second")
    empty.page.set_input_files("#choose-styles", [tmp_path / "a.png", first, tmp_path / "b.png"])
    empty.until_chosen("styles", "first")
    empty.until_text("#notices", "read b")
    assert empty.page.locator(".notice").count() == 3
    assert "read a" in empty.text("#notices")
    for left in (2, 1, 0):
        empty.page.click(".notice button >> nth=0")
        assert empty.page.locator(".notice").count() == left
    assert empty.focused() == "paint"
    empty.refuses(422)


def test_names_are_shown_as_they_are(empty, tmp_path):
    for seed, name in enumerate(("Köln am Rhein (1)", "星月夜")):
        role = ("content", "styles")[seed]
        empty.choose(role, picture(tmp_path / f"{name}.png", 6 + seed))
    empty.until_text("#title", "Köln am Rhein (1) in the style of 星月夜")
    empty.set("iterations", "1")
    empty.page.select_option("#preset", "fast")
    empty.paint()
    empty.until_status("done")
    empty.page.click("#save")
    with empty.page.expect_download() as download:
        empty.page.click("#png")
    assert "Köln" in download.value.suggested_filename
    assert "星月夜" in download.value.suggested_filename


def test_uploads_are_kept_in_their_role_and_deleted(browser, studio, empty, tmp_path):
    empty.choose("content", picture(tmp_path / "kept.png", 8))
    empty.choose("styles", picture(tmp_path / "deleted.png", 9))
    other = Page(browser, studio)  # another browser: the server keeps the roles
    assert ("kept" in titles(other, "#content"), "kept" in titles(other, "#styles")) == (True, False)
    assert ("deleted" in titles(other, "#content"), "deleted" in titles(other, "#styles")) == (False, True)
    tile = "#styles .tile:has(button.pick[title=deleted])"
    empty.page.hover(tile)
    empty.page.click(f"{tile} .away")
    empty.page.click("#no")
    assert "deleted" in titles(empty, "#styles")
    empty.page.focus(f"{tile} .pick")
    empty.page.keyboard.press("Delete")
    assert "“deleted”" in empty.text("#question")
    empty.page.click("#yes")
    empty.until("shelf => ![...document.querySelectorAll('#styles .pick')].some(each => each.title === 'deleted')")
    assert empty.page.evaluate("() => document.activeElement.matches('#styles button.pick')")
    assert "deleted" not in empty.text("#styles-name")
    other.until("shelf => ![...document.querySelectorAll('#styles .pick')].some(each => each.title === 'deleted')")
    other.close()


def test_a_shelf_shows_the_latest_uploads_and_all_if_asked(empty, tmp_path):
    for seed in range(9):
        empty.choose("content", picture(tmp_path / f"many-{seed}.png", 20 + seed))
    shown = titles(empty, "#content")
    assert shown[:2] == ["many-8", "many-7"]
    assert "many-0" not in shown
    empty.page.click("#content .all")
    assert "many-0" in titles(empty, "#content")
    assert empty.focused()


def test_a_reload_keeps_what_is_chosen(page):
    page.set("content_weight", "7.5")
    page.dial("strength", 1)
    page.open()
    assert page.page.locator(".pick[aria-pressed=true]").count() == 2
    assert page.page.input_value("#preset") == "fast"
    assert page.page.input_value("#set-content_weight") == "7.5"
    assert page.page.input_value("#strength") == "1"
    page.until_impression()
    page.page.evaluate("() => localStorage.setItem('request', '{\"content\": 3}')")
    page.open()  # of no version of the page
    assert page.page.locator(".pick[aria-pressed=true]").count() == 0


def test_weights_are_shown_where_they_count(page, files):
    assert page.page.locator("#chosen input[type=range]").count() == 0
    page.choose("styles", files[2])
    assert page.page.locator("#chosen output").all_inner_texts() == ["50 %", "50 %"]
    page.page.fill("#chosen input >> nth=0", "0.5")
    assert page.page.locator("#chosen output").all_inner_texts() == ["33 %", "67 %"]


def test_a_token_lets_in_and_a_lost_server_is_said(browser, tmp_path, tiny_file):
    studio = Studio(tmp_path / "pictures", "--token", "s3cretsecret", network=tiny_file)
    try:
        assert studio.address.endswith("?token=s3cretsecret")
        page = Page(browser, studio)
        assert page.page.url.endswith("/")
        with page.page.expect_response("**/api/events"):  # only an open connection is told of the end
            page.open()
        page.until("() => document.querySelectorAll('.tile img').length > 3")
        assert page.faults == []
        assert studio.ask("GET", "/api/uploads")[0] == 401
    finally:
        studio.close()
    page.until_text("#line", "connection to the studio is lost")
    page.until_text("#notices", "The studio has ended")
    page.close()
