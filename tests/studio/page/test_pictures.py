"""The painted pictures: the strip, comparing, again with one thing changed, deleting."""

import re

import pytest

from tests.studio.page.conftest import TIMES, Page

pytestmark = pytest.mark.exhaustive


def parts(page, number):
    """The name, the settings and the state of a picture in the strip."""
    return page.page.locator(f"#film [data-number='{number}'] .text > span").all_inner_texts()


def test_pictures_of_the_same_pair_differ_in_the_strip(page):
    first = page.paint()
    page.until_status("done")
    page.dial("strength", 2)
    second = page.paint()
    page.until_status("done")
    (name, words, state), (other_name, other_words, other_state) = parts(page, first), parts(page, second)
    assert name == f"{int(first)} · painting"
    assert other_name == f"{int(second)} · painting"
    assert "fast" in words
    assert f"strength {TIMES} 4" in other_words
    assert "strength" not in words
    assert all(re.search(r"\d+:\d\d", each) for each in (state, other_state))  # the time of the day
    order = page.page.locator("#film button").evaluate_all("all => all.map(each => each.dataset.number)")
    assert order.index(second) < order.index(first)  # the newest first
    strip = page.page.locator("#film").bounding_box()
    assert strip["y"] + strip["height"] <= 800  # in the window


def test_the_line_is_at_the_middle_when_a_picture_is_done(page):
    page.paint()
    page.until_status("done")
    page.until("() => document.querySelector('#slider').value === '50'")
    page.until("() => document.querySelector('#before').naturalWidth > 0")
    page.page.fill("#slider", "30")
    cut = page.page.evaluate("() => getComputedStyle(document.querySelector('#before')).clipPath")
    assert re.fullmatch(r"inset\(0px 0px 0px 30%\)", cut)
    page.set("iterations", "100000")
    page.paint()
    page.until("() => document.querySelector('#slider').value === '100'")  # the whole picture while it is painted
    page.page.click("#stop")


def test_two_pictures_are_compared(page):
    first = page.paint()
    page.until_status("done")
    page.dial("strength", 2)
    page.paint()
    page.until_status("done")
    page.page.select_option("#against", first)
    page.until("number => document.querySelector('#before').src.includes(`/pictures/${number}/`)", first)
    assert page.text("#righttag") == f"No. {int(first)}"
    assert page.page.get_attribute("#slider", "aria-label") == f"Compare with No. {int(first)}"
    page.page.select_option("#against", "")
    page.until("() => document.querySelector('#before').src.endsWith('/view')")


def test_again_from_any_picture(page):
    page.set("content_weight", "7.5")
    first = page.paint()
    page.until_status("done")
    page.page.select_option("#preset", "keras")
    page.set("content_weight", "3")
    page.page.click("#content .pick[aria-pressed=true]")
    page.page.click(f"#film [data-number='{first}']")
    page.page.click("#again")
    page.page.click("#variations button >> text='the same settings'")
    page.until("() => document.querySelectorAll('.pick[aria-pressed=true]').length === 2")
    assert page.page.input_value("#set-content_weight") == "7.5"
    assert page.page.input_value("#preset") == "fast"
    assert page.focused() == "paint"
    assert page.number() == first  # it stays on the canvas
    page.page.click("#again")
    page.page.click("#variations button >> text='more of the painting'")
    page.until_text("#line", f"As No. {int(first)}, strength {TIMES} 1.41")
    page.page.click("#again")
    page.page.click("#variations button >> text='another painting …'")
    page.until_text("#line", "choose a painting")
    assert page.page.locator("#styles .pick[aria-pressed=true]").count() == 0
    assert page.page.evaluate("() => document.activeElement.matches('#styles .pick')")


def test_a_deleted_picture_gives_place_to_its_neighbour(page):
    first = page.paint()
    page.until_status("done")
    second = page.paint()
    page.until_status("done")
    page.page.click("#remove")
    page.page.click("#yes")
    page.until("number => !document.querySelector(`#film [data-number='${number}']`)", second)
    page.until("number => document.activeElement.dataset.number === number", first)
    assert page.number() == first


def test_the_newest_picture_is_shown_if_nothing_is_chosen(browser, studio, page):
    number = page.paint()
    page.until_status("done")
    other = Page(browser, studio)
    other.until("() => document.querySelector('#film button[aria-current=true]')")
    assert other.number() == number
    other.close()


def test_the_first_impression_is_saved_with_its_settings(page):
    from brushwork.pictures import metadata

    page.until_impression()
    page.until_text("#words", "Paint makes the real picture")
    page.page.click("#save")
    assert [page.page.is_visible(f"#{name}") for name in ("jpg", "png", "tif", "stop", "again", "remove")] == [
        True,
        *[False] * 5,
    ]
    with page.page.expect_download() as download:
        page.page.click("#jpg")
    assert download.value.suggested_filename == "preview.jpg"
    assert "--instant" in metadata.read(download.value.path())["flags"]
