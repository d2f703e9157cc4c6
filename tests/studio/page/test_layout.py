"""The layout of the page: nothing lies over anything, nothing is cut off, and assistive technology can read it."""

import re

import pytest

from tests.studio.page.conftest import Page, endless

pytestmark = pytest.mark.exhaustive
# The controls that cannot be hit although they are in sight: what lies there instead. A part of a control counts if it
# is in the window and in all that scrolls around it, and not below the bar with the Paint button.
COVERED = """() => {
  const bar = document.querySelector("#actions"), covered = [], seen = [];
  const controls = "button, a[href], input:not([type=file]), select, summary, label.add, [tabindex='0']";
  for (const control of document.querySelectorAll(controls)) {
    if (control.closest("[hidden], dialog:not([open]), .popover:not(:popover-open), .away")) continue;
    if (control.closest("details:not([open])") && !control.matches("summary")) continue;
    let { left, right, top, bottom } = control.getBoundingClientRect();
    const clip = box => {
      [left, right] = [Math.max(left, box.left), Math.min(right, box.right)];
      [top, bottom] = [Math.max(top, box.top), Math.min(bottom, box.bottom)];
    };
    clip({ left: 0, top: 0, right: innerWidth, bottom: innerHeight });
    for (let around = control.parentElement; around; around = around.parentElement) {
      if (getComputedStyle(around).overflowY !== "visible") clip(around.getBoundingClientRect());
    }
    if (!bar.contains(control)) {
      const { top: edge, left: side } = bar.getBoundingClientRect();
      if (right > side) clip({ left, top, right, bottom: edge });
    }
    if (right - left < 4 || bottom - top < 4) continue;
    seen.push(control.id || control.textContent);
    for (const [across, down] of [[.5, .5], [.15, .5], [.85, .5], [.5, .15], [.5, .85]]) {
      const there = document.elementFromPoint(left + across * (right - left), top + down * (bottom - top));
      const isOwn = there === control || control.contains(there) || there?.closest("label, .tile")?.contains(control);
      if (!isOwn) {
        covered.push(`${control.id || control.title || control.textContent} by ${there?.outerHTML.slice(0, 80)}`);
        break;
      }
    }
  }
  return { covered, seen };
}"""
ENDS = """end => {
  const boxes = [document.scrollingElement, ...document.querySelectorAll("#stage, #choices, #film")];
  for (const box of boxes) box.scrollTo(end * box.scrollWidth, end * box.scrollHeight);
}"""


@pytest.fixture(scope="module")
def pictures(browser, studio, files):
    """Seven pictures in the studio."""
    content, style, _ = map(studio.upload, files)
    settings = {"iterations": "1", "long_side": 96}
    asked = {"content": content, "styles": [{"picture": style}], "preset": "fast", "settings": settings}
    for number in [studio.paint(asked) for _ in range(7)]:
        studio.until(number, "done")


@pytest.mark.parametrize("size", [(1280, 800), (1440, 900), (768, 1024), (390, 844)])
def test_every_control_can_be_hit(browser, studio, files, pictures, size):
    page = Page(browser, studio, viewport=dict(zip(("width", "height"), size, strict=True)), reduced_motion="reduce")
    page.choose("content", files[0])
    page.choose("styles", files[1])
    page.choose("styles", files[2])
    page.page.click("#film button >> nth=1")
    page.until_status("done")
    page.until("() => !document.querySelector('#save').hidden")
    page.until("() => document.querySelector('#slider').checkVisibility()")  # the photograph beside it has come
    for more in (False, True):
        page.page.evaluate("more => { document.querySelector('#more').open = more; }", more)
        page.page.evaluate("more => { document.querySelector('#about').open = more; }", more)
        seen = set()
        for end in (0, 1):
            page.page.evaluate(ENDS, end)
            found = page.page.evaluate(COVERED)
            assert found["covered"] == []
            seen |= set(found["seen"])
        assert {"slider", "save", "again", "remove", "paint", "quality"} - seen <= ({"quality"} if more else set()), (
            seen
        )
    page.close()
    assert page.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut_off(browser, studio, width, scheme):
    page = Page(browser, studio, viewport={"width": width, "height": 844}, color_scheme=scheme)
    assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    colors = page.page.evaluate(
        "() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]; }"
    )
    light, dark = (sum(map(int, re.findall(r"\d+", color)[:3])) for color in colors[:: 1 if scheme == "dark" else -1])
    assert light - dark > 300  # of 765
    page.close()
    assert page.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_violation(browser, studio, files, tmp_path, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    view = {"viewport": {"width": width, "height": 844}, "color_scheme": scheme, "reduced_motion": "reduce"}
    page, states = Page(browser, studio, **view), 0

    def check():
        nonlocal states
        states += 1
        found = axe.run(page.page).response["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []

    check()  # at first
    page.choose("content", files[0])
    check()  # the photograph
    page.choose("styles", files[1])
    page.choose("styles", files[2])
    page.until_impression()
    check()  # the first impression
    endless(page)
    page.paint()
    page.until_status("painting")
    check()  # while it is painted
    page.page.click("#stop")
    page.until_status("stopped")
    page.page.evaluate("() => { document.querySelector('#about').open = true; }")
    check()  # stopped, with technical details
    page.page.click("#again")
    check()  # the menu
    page.page.keyboard.press("Escape")
    (tmp_path / "text.png").write_text("no picture")
    page.page.set_input_files("#choose-styles", tmp_path / "text.png")
    page.until_text("#notices", "annot read text")
    page.set("tv_weight", "much")
    page.until("() => document.querySelector('#set-tv_weight').hasAttribute('aria-invalid')")
    check()  # mistakes
    page.page.click("#styles .mask >> nth=0")
    page.page.click("#usemask")
    page.until_text("#maskline", "Nothing is drawn")
    check()  # the mask
    page.page.keyboard.press("Escape")
    page.page.click("#remove")
    check()  # the question
    page.page.click("#yes")
    assert states == 9
    page.refuses(422)
    page.close()
    assert page.faults == []
