"""What the documentation says holds: its examples run, and its links lead somewhere."""

import doctest
import re
from bisect import bisect
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
DIFFERENCES = REPOSITORY / "docs" / "differences.md"
PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")])
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS

IDS = {
    f"{group}{number}"
    for group, count in (("W", 14), ("S", 14), ("D", 7))
    for number in range(1, count + 1)
}


def name_of(page):
    return str(page.relative_to(REPOSITORY))


def examples_by_row():
    """Return the setup's examples, and those of each row by the row's title."""
    # To doctest, a fence would be a line of the output before it.
    text = re.sub("(?m)^```.*", "", DIFFERENCES.read_text())
    titles = [(0, "setup")]
    for number, line in enumerate(text.splitlines()):
        if match := re.match(r"\*\*(.+?)\.\*\*", line):
            titles.append((number, match[1]))
    starts = [number for number, _ in titles]
    rows = {title: [] for _, title in titles}
    for example in doctest.DocTestParser().get_examples(text):
        rows[titles[bisect(starts, example.lineno) - 1][1]].append(example)
    return rows.pop("setup"), rows


SETUP, ROWS = examples_by_row()


@pytest.mark.parametrize("title", ROWS)
def test_a_difference_is_as_shown(title):
    # Each row after the setup alone, so that a reader may paste any of them.
    page = doctest.DocTest(
        SETUP + ROWS[title], {"__name__": "__main__"}, title, str(DIFFERENCES), 0, None
    )
    report = []
    doctest.DocTestRunner(verbose=False, optionflags=OPTIONS).run(
        page, out=report.append
    )
    assert not report, "".join(report)


def test_every_difference_has_an_example():
    assert all(ROWS.values())
    assert {title.split(".")[0] for title in ROWS} >= IDS


def test_every_difference_has_a_regression_test():
    tests = (REPOSITORY / "tests" / "estimators" / "test_peer_faults.py").read_text()
    ids = re.findall(r"(?m)^def test_([wsd]\d+)_\w+\(", tests)
    assert {name.upper() for name in ids} == IDS - {"D7"}  # which is about speed


def plain_blocks():
    """Yield the blocks of Python without prompts of each page that has some."""
    for page in PAGES:
        blocks = re.findall(r"(?ms)^```python\n(.*?)^```", page.read_text())
        if blocks and page != DIFFERENCES:
            yield pytest.param(blocks, id=name_of(page))


@pytest.mark.parametrize("blocks", list(plain_blocks()))
def test_the_blocks_of_a_page_run_one_after_the_other(blocks):
    names = {"__name__": "__main__"}
    for block in blocks:
        exec(compile(block, "<documentation>", "exec"), names)


def links():
    """Yield each relative link of a page."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if not re.match("[a-z]+:", target):
                yield pytest.param(page, target, id=f"{name_of(page)}-{target}")


@pytest.mark.parametrize(("page", "target"), list(links()))
def test_a_link_leads_somewhere(page, target):
    assert (page.parent / target.partition("#")[0]).exists()
