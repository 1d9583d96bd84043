"""The report in a real browser, opened from disk as a reader opens it."""

import importlib.util
import shutil
from pathlib import Path

import pytest
from sample_report import CLASSES, HOSTILE, sample_report
from sample_runs import Sample, make_groups

from jaxcmp.compare.pages.page import render_html
from jaxcmp.compare.report import build

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
if BROWSER is None:
    pytest.skip(f"none of {', '.join(NAMES)} is installed", allow_module_level=True)
if importlib.util.find_spec("playwright") is None:
    pytest.skip("the package playwright is not installed", allow_module_level=True)

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("report") / "index.html"
    path.write_text(render_html(sample_report()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def visit(browser: Browser, address: str):
    """Opens the report at a size; fails if it complains, or asks for anything but itself."""
    complaints, asked, pages, urls = [], [], [], {address}

    def open_page(size=DESKTOP, url=address, **options) -> Page:
        urls.add(url)
        width, height = size
        page = browser.new_page(viewport={"width": width, "height": height}, **options)
        pages.append(page)
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not complaints
    outside = [url for url in asked if not url.startswith((*urls, "data:"))]
    assert asked and not outside


def column(page: Page, index: int) -> list[str]:
    return page.locator("table").first.locator(f"tbody tr > :nth-child({index})").all_inner_texts()


def heading(page: Page, index: int):
    return page.locator("table").first.locator(f"thead th:nth-child({index})")


def is_dark(page: Page) -> bool:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in colour[4:-1].split(",")) < 200


def point_at(page: Page, index: int, across: float = 0.5, down: float = 0.5) -> None:
    plot = page.locator(".plot").nth(index)
    plot.scroll_into_view_if_needed()
    # The page hides what it shows while it scrolls.
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])


def test_headings_sort_by_value_or_by_words_and_reverse_one_at_a_time(visit):
    page = visit()
    assert page.title() == "Comparison of runs"
    assert page.locator("h2").first.inner_text().startswith("ResNet-18 or ViT-Tiny?")
    heading(page, 2).locator("button").click()
    assert heading(page, 2).get_attribute("aria-sort") == "ascending"
    rising = ["94.31 ± 0.18, n = 3", "1,200", "11,173,962", "555,422,720", ""]
    assert column(page, 2) == rising
    heading(page, 2).locator("button").click()
    assert heading(page, 2).get_attribute("aria-sort") == "descending"
    # What has no value stays last.
    assert column(page, 2) == [*rising[-2::-1], ""]
    # The keyboard sorts words too.
    heading(page, 1).locator("button").focus()
    page.keyboard.press("Enter")
    assert column(page, 1) == sorted(column(page, 1))
    assert heading(page, 1).get_attribute("aria-sort") == "ascending"
    assert heading(page, 2).get_attribute("aria-sort") is None


def test_pointing_at_curves_shows_all_series_at_the_nearest_epoch(visit):
    page = visit()
    tip = page.locator("#tip")
    assert tip.is_hidden()
    point_at(page, 0)
    shown = tip.inner_text()
    assert shown.startswith("Epoch ") and "ResNet-18" in shown and "ViT-Tiny, seed 2" in shown
    assert shown.count(" %") == 8
    assert page.locator(".cursor circle").count() == 8
    page.mouse.move(0, 0)
    assert tip.is_hidden() and page.locator(".cursor circle").count() == 0


def test_pointing_at_a_category_shows_both_arms_and_at_a_cell_its_row_and_column(visit):
    page = visit()
    point_at(page, 2)
    shown = page.locator("#tip").inner_text()
    assert shown.split("\n")[0] in CLASSES
    assert "ResNet-18" in shown and "ViT-Tiny" in shown
    point_at(page, 4, 0.7, 0.4)
    shown = page.locator("#tip").inner_text()
    assert "True class" in shown and "Predicted class" in shown and "%" in shown


def test_a_finger_shows_values_as_well(visit):
    page = visit(PHONE, has_touch=True)
    page.locator(".plot").first.tap()
    assert page.locator("#tip").is_visible()
    box = page.locator("#tip").bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= PHONE[0]


def test_arrow_keys_walk_along_the_values_and_escape_hides_them(visit):
    page = visit()
    page.locator(".plot").first.focus()
    heads = []
    for key in ("ArrowLeft", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
        heads.append(page.locator("#tip > b").inner_text())
    assert heads == ["Epoch 1", "Epoch 2", "Epoch 3"]
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_never_scrolls_sideways(visit, width):
    page = visit((width, 844))
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_wide_table_scrolls_in_its_box_and_keeps_its_first_column(visit):
    page = visit(PHONE)
    box = page.locator(".scroll").nth(2)
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    first = box.locator("tbody th").first
    before = first.bounding_box()
    box.evaluate("box => { box.scrollLeft = 300 }")
    after = first.bounding_box()
    assert before is not None and after is not None and before["x"] == after["x"]


def test_every_text_of_a_figure_is_large_enough_on_a_phone(visit):
    page = visit(PHONE)
    sizes = page.evaluate(
        "[...document.querySelectorAll('.plot text')].map(text =>"
        " parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a || 99)"
    )
    assert len(sizes) > 100
    # Of turned text, the scale is not in the first place of the matrix.
    assert min(size for size in sizes if size > 1) >= 10


def test_dark_mode_is_dark_and_print_is_light(visit):
    assert not is_dark(visit(color_scheme="light"))
    page = visit(color_scheme="dark")
    assert is_dark(page)
    page.emulate_media(media="print", color_scheme="dark")
    assert not is_dark(page)
    assert page.locator("nav").first.is_hidden()


def test_hostile_names_are_shown_and_run_nothing(visit):
    # The fixture fails on a dialog, on a blocked script and on a request.
    page = visit()
    assert page.locator("img[src=x]").count() == 0
    words = page.locator("main").inner_text()
    assert HOSTILE[0] in words and HOSTILE[3] in words
    point_at(page, page.locator(".plot").count() - 8)
    assert HOSTILE[0] in page.locator("#tip").inner_text()


def page_of(folder: Path, *samples: Sample) -> str:
    path = folder / "index.html"
    path.write_text(render_html(build(make_groups(folder, *samples), [])), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def of_three_arms(tmp_path_factory) -> str:
    rates = {"vit": (5e-4, 1e-3), "resnet": (1e-3,)}
    samples = (
        Sample(arm, seed, num_validation=40, config={"schedule.peak_learning_rate": rate})
        for arm, own in rates.items()
        for rate in own
        for seed in (0, 1)
    )
    return page_of(tmp_path_factory.mktemp("three"), *samples)


@pytest.fixture(scope="module")
def of_two_arms(tmp_path_factory) -> str:
    samples = (Sample(arm, seed) for arm in ("vit", "resnet") for seed in (0, 1, 2))
    return page_of(tmp_path_factory.mktemp("two"), *samples)


def test_a_phone_shows_the_name_and_the_column_that_decides_and_says_which_tables_scroll(
    visit, of_two_arms
):
    page = visit(PHONE, of_two_arms)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    page.wait_for_timeout(100)
    found = page.evaluate(
        """[...document.querySelectorAll(".table")].map((table) => {
          const [box, hint] = [".scroll", ".sideways"].map((name) => table.querySelector(name));
          const right = box.getBoundingClientRect().right + 1;
          const heads = [...table.querySelectorAll("thead tr > *")];
          const seen = heads.filter((head) => head.getBoundingClientRect().right <= right);
          return [
            table.querySelector("p").textContent,
            seen.map((head) => head.textContent),
            box.scrollWidth > box.clientWidth + 1,
            !hint.hidden,
          ];
        })"""
    )
    assert any(scrolls for *_, scrolls, _ in found)
    assert all(scrolls == is_said for *_, scrolls, is_said in found)
    seen = {title: heads for title, heads, *_ in found}
    assert seen["Accuracy and cost"] == ["", "resnet to vit", "●resnet", "■vit"]
    assert {"class", "gap, points", "p, Holm"} <= set(seen["resnet minus vit, by class"])
    assert "p, McNemar" in seen["resnet and vit, run by run"]
    assert "seconds, relative to vit" in seen["Multiply-adds beside seconds"]


def test_an_interval_stays_on_one_line_on_a_desktop(visit, of_two_arms):
    page = visit(url=of_two_arms)
    lines = page.evaluate(
        "[...document.querySelectorAll('.whole')].map((each) => each.getClientRects().length)"
    )
    assert len(lines) > 10 and set(lines) <= {0, 1}


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_axe_finds_nothing_to_complain_of(visit, address, of_three_arms, size, colours):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    for url in (address, of_three_arms):
        found = axe.Axe().run(visit(size, url, color_scheme=colours))
        assert not found.response["violations"], found.generate_report()


def test_a_button_copies_a_command_and_paper_has_what_the_page_folds(visit, of_three_arms):
    page = visit(url=of_three_arms)
    assert not page.evaluate("document.querySelector('details').open")
    page.locator(".more .copy").first.click()
    page.locator(".more .copy", has_text="Copied").wait_for()
    page.pdf()
    assert page.evaluate("[...document.querySelectorAll('details')].every((each) => each.open)")
