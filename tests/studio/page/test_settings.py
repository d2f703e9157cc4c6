"""The dials and More settings: what was changed, what is wrong, and what the first impression follows."""

import pytest

from tests.studio.page.conftest import TIMES

pytestmark = pytest.mark.exhaustive


def test_the_first_impression_follows_the_colours(page):
    page.until_impression()
    first = page.shown()
    page.dial("keep", 100)
    page.until("first => document.querySelector('#picture').src !== first", first)


def test_a_dial_that_the_impression_does_not_follow_says_so(page):
    page.until_impression()
    first = page.shown()
    page.dial("strength", 1)
    page.until_text("#line", f"Strength: {TIMES} 2. The first impression does not follow this; the painting will.")
    assert page.shown() == first


def test_a_finished_picture_is_not_replaced_by_an_impression(page):
    number = page.paint()
    page.until_status("done")
    page.dial("keep", 100)
    page.until_text("#line", "Paint makes a new picture with it")
    strip = page.page.locator("#film [data-number=''] img")
    before = strip.get_attribute("src")
    page.dial("keep", 50)
    page.until(
        "before => document.querySelector(\"#film [data-number=''] img\").getAttribute('src') !== before", before
    )
    assert page.number() == number
    assert f"/pictures/{number}/" in page.shown()
    page.page.click("#film [data-number='']")
    page.until_impression()


def test_what_was_changed_is_marked_and_reset(page):
    assert page.text("#changed") == "· 1 changed"  # iterations
    page.set("tv_norm", "absolute")
    assert page.text("#changed") == "· 2 changed"
    changed = "() => [...document.querySelectorAll('.dial.changed input, .dial.changed select')].map(each => each.id)"
    assert set(page.page.evaluate(changed)) == {"set-iterations", "set-tv_norm"}
    page.page.click(".changed .back[aria-label='Reset tv-norm']")
    assert page.focused() == "set-tv_norm"
    assert page.page.evaluate(changed) == ["set-iterations"]
    page.page.click("#reset")
    assert page.page.evaluate(changed) == []
    assert page.page.input_value("#set-iterations") == ""
    assert page.text("#changed") == ""
    assert page.page.is_hidden("#reset")


def test_a_wrong_value_marks_its_field(page):
    page.set("tv_weight", "much")
    page.until("() => document.querySelector('#set-tv_weight').getAttribute('aria-invalid') === 'true'")
    page.page.evaluate("() => { document.querySelector('#more').open = false; }")
    page.page.click("#paint")
    page.until("() => document.activeElement.id === 'set-tv_weight'")
    assert page.page.evaluate("() => document.querySelector('#more').open")
    wrong = page.page.get_attribute("#set-tv_weight", "aria-describedby").split()[0]
    assert "tv-weight must be a number" in page.text(f"#{wrong}")
    page.set("tv_weight", "3")
    page.until("() => !document.querySelector('[aria-invalid]')")
    assert page.page.locator(".wrong:visible").count() == 0
    assert page.page.get_attribute("#set-tv_weight", "aria-describedby") == "set-tv_weight-help"
    page.refuses(422)


def test_settings_are_in_groups(page):
    headings = page.page.locator("#moredials h3").all_inner_texts()
    assert headings == ["Pictures", "The look", "The optimisation"]
