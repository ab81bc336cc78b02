"""What the documentation says holds: its examples run, and its links lead somewhere."""

import ast
import doctest
import importlib
import inspect
import re
import sys
from bisect import bisect
from pathlib import Path

import outputs
import pytest
from test_layering import ROOMS

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
DIFFERENCES = DOCS / "differences.md"
PAGES = sorted([*REPOSITORY.glob("*.md"), *DOCS.glob("*.md"), *DOCS.glob("guide/*.md")])
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS

IDS = {
    f"{group}{number}"
    for group, count in (("W", 14), ("S", 14), ("D", 7))
    for number in range(1, count + 1)
}


def name_of(page):
    return str(page.relative_to(REPOSITORY))


# ------------------------------------------------------ the differences from the MLP


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
    files = (REPOSITORY / "tests" / "estimators").glob("test_peer_faults*.py")
    tests = "".join(file.read_text() for file in files)
    ids = re.findall(r"(?m)^def test_([wsd]\d+)_\w+\(", tests)
    assert {name.upper() for name in ids} == IDS - {"D7"}  # which is about speed


# ------------------------------------------------------------------- blocks of Python


def plain_blocks():
    """Yield the blocks of Python without prompts of each page that has some."""
    for page in PAGES:
        blocks = outputs.blocks_of(page.read_text())
        if blocks and page != DIFFERENCES:
            is_slow = page == DOCS / "index.md"
            marks = [pytest.mark.exhaustive] if is_slow else []
            yield pytest.param(blocks, id=name_of(page), marks=marks)


@pytest.mark.parametrize("blocks", list(plain_blocks()))
def test_the_blocks_of_a_page_run_and_print_what_it_shows(
    blocks, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)  # some save a picture
    for block, printed in outputs.run(blocks):
        if block.output is not None:
            assert outputs.difference(block.output, printed) is None


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("R2 0.95", "R2 0.951\n", True),
        ("R2 0.95", "R2 0.65", False),
        ("R2 0.95", "R3 0.95", False),
        ("error 1.2e-10", "error 3.4e-09", True),
        ("error 1.2e-10", "error 3.4e-01", False),
        ("[1 2]", "[1 2 3]", False),
        ("-1.5 True", "1.5 True", False),
        ("True", "False", False),
    ],
)
def test_numbers_may_differ_a_little_and_words_may_not(shown, printed, same):
    assert (outputs.difference(shown, printed) is None) is same


# ------------------------------------------------------------------------------ links


def text_without_code(page):
    return re.sub(r"(?ms)^```.*?^```", "", page.read_text())


def links():
    """Yield each relative link of a page."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", text_without_code(page)):
            if not re.match("[a-z]+:", target):
                yield pytest.param(page, target, id=f"{name_of(page)}-{target}")


def anchors(page):
    """Return the anchors of a page's headings, and those that it names itself."""
    text = text_without_code(page)
    found = set(re.findall(r"(?m)^\(([\w-]+)\)=$", text))
    for heading in re.findall(r"(?m)^#+ (.*)", text):
        words = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(words.replace(" ", "-"))
    return found


@pytest.mark.parametrize(("page", "target"), list(links()))
def test_a_link_leads_somewhere(page, target):
    path, _, anchor = target.partition("#")
    linked = page.parent / path if path else page
    assert linked.exists()
    assert not anchor or anchor in anchors(linked)


def quotes():
    """Yield each piece of code that a page quotes from a file."""
    pattern = r"(?m)^```{literalinclude} (\S+)\n:pyobject: (\S+)$"
    for page in PAGES:
        for target, name in re.findall(pattern, page.read_text()):
            yield pytest.param(page.parent / target, name, id=f"{name_of(page)}-{name}")


@pytest.mark.parametrize(("file", "name"), list(quotes()))
def test_what_a_page_quotes_exists(file, name):
    within = ast.parse(file.read_text())
    for part in name.split("."):
        (within,) = [each for each in within.body if getattr(each, "name", "") == part]


def test_every_page_of_the_documentation_is_in_a_table_of_contents():
    entries = set()
    for page in (page for page in PAGES if DOCS in page.parents):
        for tree in re.findall(r"(?ms)^```{toctree}\n(.*?)^```", page.read_text()):
            for line in tree.splitlines():
                entry = re.sub(r".*<(.*)>", r"\1", line)
                entries.add((page.parent / f"{entry}.md").resolve())
    pages = {page.resolve() for page in PAGES if DOCS in page.parents}
    assert pages - entries == {(DOCS / "index.md").resolve()}


# ------------------------------------------------------------ how the package is built

ARCHITECTURE = DOCS / "architecture.md"
PACKAGE = REPOSITORY / "skann"


def file_of(path):
    """Return the file that the page calls so: of the tests, or else of the package."""
    return (REPOSITORY if path.startswith("tests/") else PACKAGE) / path


def test_files_of_the_architecture_exist():
    paths = set(re.findall(r"`((?:\w+/)*\w+\.py)`", ARCHITECTURE.read_text()))
    assert len(paths) > 30
    missing = [
        path
        for path in paths
        if not file_of(path).exists() and not (REPOSITORY / path).exists()
    ]
    assert not missing


def named_in_files():
    """Return the (name, path) of all that the page says to be in a file."""
    pattern = r"`(?:\w+\.)?(\w+)`(?: (?:and|or) `(\w+)`)? in `((?:\w+/)*\w+\.py)`"
    return sorted(
        {
            (name, path)
            for *names, path in re.findall(pattern, ARCHITECTURE.read_text())
            for name in names
            if name
        }
    )


@pytest.mark.parametrize(("name", "path"), named_in_files())
def test_what_the_architecture_names_is_where_it_says(name, path):
    assert re.search(rf"\b{name}\b", file_of(path).read_text())


def test_the_picture_shows_the_rooms_in_their_order():
    picture = (DOCS / "_static" / "architecture.svg").read_text()
    drawn = re.findall(r'class="room"[^>]*>(\w+)<', picture)
    assert tuple(reversed(drawn))[: len(ROOMS)] == ROOMS
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(drawn) == folders | {"model"}


# ---------------------------------------------------------------------- the reference


@pytest.fixture(scope="module")
def api_pages():
    """Return what makes the reference."""
    sys.path.insert(0, str(DOCS / "_ext"))
    try:
        yield importlib.import_module("api_pages")
    finally:
        sys.path.remove(str(DOCS / "_ext"))


MODULES = (
    "skann",
    "skann.inspection",
    "skann.export",
    "skann.dask",
    "skann.callbacks",
    "skann.datasets",
)


@pytest.mark.parametrize("module_name", MODULES)
def test_every_public_name_is_in_the_reference(api_pages, module_name):
    module = importlib.import_module(module_name)
    index = api_pages.index_page()
    public = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module_name
        and not name.startswith("_")
    ]
    assert public
    for name in public:
        assert f"~{module_name}.{name}\n" in index


BUILT_IN = {
    "skann": "SquaredError AbsoluteError Huber Quantile LogLoss HalfPoissonDeviance "
    "HalfGammaDeviance Identity Logistic Tanh Relu LeakyRelu Elu Selu Gelu Silu "
    "Softplus FanScaled Uniform Normal SGD Adam Constant InverseScaling Adaptive "
    "Exponential InverseTime Cosine OneCycle Cycles",
    "skann.core.losses": "BinaryCrossEntropy CategoricalCrossEntropy",
    "skann.core.activations": "Softmax Exp",
}


@pytest.mark.parametrize("module_name", BUILT_IN)
def test_what_is_built_in_is_in_the_reference(api_pages, module_name):
    built_in = api_pages.index_page().partition("Built-in components")[2]
    for name in BUILT_IN[module_name].split():
        assert f"~{module_name}.{name}\n" in built_in


def test_every_public_name_is_documented(api_pages):
    problems = [
        problem
        for name, value in api_pages.public_objects().items()
        for problem in api_pages.problems_of(name, value)
    ]
    assert not problems, "\n".join(problems)


def no_docstring(x):
    return x


def no_parameters(x):
    """Return x."""
    return x


def one_of_two(x, y):
    """Return x.

    Parameters
    ----------
    x : int
        A number.
    """
    return x


def no_description(x):
    """Return x.

    Parameters
    ----------
    x : int
    """
    return x


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (no_docstring, "has no docstring"),
        (no_parameters, "does not document x"),
        (one_of_two, "does not document y"),
        (no_description, "does not describe x"),
    ],
)
def test_what_a_docstring_lacks_is_found(api_pages, function, problem):
    assert list(api_pages.problems_of("function", function)) == [f"function {problem}"]


def test_a_method_without_docstring_is_found(api_pages):
    class Bad:
        """A class."""

        def method(self):
            pass

    Bad.method.__module__ = "skann"
    assert list(api_pages.problems_of("skann.Bad", Bad)) == [
        "skann.Bad.method has no docstring"
    ]
