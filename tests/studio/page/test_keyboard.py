"""The keyboard alone: everything can be reached, and the focus is never lost."""

import pytest

from tests.studio.page.conftest import endless

pytestmark = pytest.mark.exhaustive
STEP = """() => {
  const e = document.activeElement, bar = document.querySelector("#actions");
  const { bottom, top } = e.getBoundingClientRect();
  const hidden = !bar.contains(e) && e !== document.body && getComputedStyle(bar).position === "sticky" &&
    (top + bottom) / 2 > bar.getBoundingClientRect().top;
  return hidden ? null : e.id || e.title || e.getAttribute("aria-label") || e.textContent || "nothing";
}"""


def stops(page, count=70):
    """The names of the elements that Tab reaches, in order; none of them is hidden below the bar."""
    found = []
    for _ in range(count):
        page.page.keyboard.press("Tab")
        name = page.until(STEP)  # it may scroll in the next frame
        if name in found:
            break
        found.append(name)
    return found


def test_every_chooser_is_one_tab_stop(empty):
    found = stops(empty)
    assert {"choose-content", "choose-styles", "preset", "strength", "keep", "size", "quality", "paint"} <= set(found)
    for shelf in ("content", "styles"):
        place = found.index(f"choose-{shelf}")
        assert (
            empty.page.evaluate("shelf => document.querySelectorAll(`#${shelf} .pick[tabindex='0']`).length", shelf)
            == 1
        )
        following = {"content": "choose-styles", "styles": "preset"}[shelf]
        assert found.index(following) - place <= 3  # the shelf, and "All 17" if there are many


def test_arrows_move_in_a_shelf(empty):
    empty.page.focus("#choose-styles")
    empty.page.keyboard.press("Tab")
    first = empty.focused()
    empty.page.keyboard.press("ArrowRight")
    second = empty.focused()
    assert first != second
    empty.page.keyboard.press("Home")
    assert empty.focused() == first
    empty.page.keyboard.press("ArrowRight")
    empty.page.keyboard.press("Enter")
    empty.until("() => document.querySelector('#styles .pick[aria-pressed=true]')")
    assert empty.focused() == second  # the focus stays


def test_the_focus_is_never_lost(page):
    def is_kept():
        return page.page.evaluate(
            "() => document.activeElement !== document.body && !document.activeElement.closest('[hidden]')"
        )

    page.page.focus("#paint")
    page.page.keyboard.press("Enter")
    page.until_status("done")
    assert page.focused() == "paint"
    endless(page)
    page.page.focus("#paint")
    page.page.keyboard.press("Enter")
    page.until_status("painting")
    page.page.focus("#stop")
    page.page.keyboard.press("Enter")
    page.until_status("stopped")
    page.until("() => document.querySelector('#stop').hidden")
    assert is_kept()
    assert page.focused() == "continue"
    page.page.focus("#film button[tabindex='0']")
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("Enter")
    page.until_status("done")
    assert page.focused() == page.number()
    page.page.focus("#chosen .mask")
    page.page.keyboard.press("Enter")
    page.page.keyboard.press("Escape")
    assert page.page.evaluate("() => document.activeElement.matches('#chosen .mask')")
    page.page.focus("#chosen .mask")
    page.page.keyboard.press("Enter")
    page.page.click("#fill")
    page.page.focus("#usemask")
    page.page.keyboard.press("Enter")
    page.until_text("#chosen .mask", "Change")
    assert page.page.evaluate("() => document.activeElement.matches('#chosen .mask')")


def test_fields_are_not_below_the_bar(browser, studio):
    from tests.studio.page.conftest import Page

    page = Page(browser, studio, viewport={"width": 390, "height": 700}, reduced_motion="reduce")
    page.page.evaluate("() => { document.querySelector('#more').open = true; }")
    assert len(stops(page)) > 40
    page.close()


def test_the_end_is_announced(page):
    page.paint()
    page.until_status("done")
    page.until_text("#line", ", photo in the style of painting, is done")
    assert page.page.get_attribute("#line", "role") == "status"


def test_paint_says_what_is_missing(empty):
    empty.page.focus("#paint")
    empty.page.keyboard.press("Enter")
    assert empty.text("#line") == "Choose a photograph first."
    assert empty.page.evaluate("() => document.activeElement.matches('#content .pick, #choose-content')")
