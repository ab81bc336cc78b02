"""The files around the package say the same: addresses, versions, where links lead."""

import re
import tomllib
from pathlib import Path

import pytest
from test_docs import DOCS, PAGES, REPOSITORY, anchors, name_of

import skann

URL = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["urls"][
    "Repository"
]
README = (REPOSITORY / "README.md").read_text()
OTHERS = (
    REPOSITORY / "CITATION.cff",
    *sorted((REPOSITORY / ".github").rglob("*.yml")),
    DOCS / "conf.py",
)


def readme_links():
    """Return where the README's links lead, pictures included."""
    return sorted(set(re.findall(r"\]\(([^)#\s][^)\s]*)\)", README)))


@pytest.mark.parametrize("link", readme_links())
def test_a_link_of_the_readme_is_absolute_and_leads_somewhere(link):
    # PyPI shows the README without the files beside it.
    assert link.startswith(URL)
    rest = link.removeprefix(URL).strip("/")
    if match := re.match(r"(?:blob|tree|raw)/main/([^#]*)#?(.*)", rest):
        path, anchor = REPOSITORY / match[1], match[2]
        assert path.exists()
        assert not anchor or anchor in anchors(path)
    else:
        assert rest in ("", "issues", "security")


@pytest.mark.parametrize("file", [*PAGES, *OTHERS], ids=name_of)
def test_the_repository_has_one_address(file):
    found = re.findall(r"https?://github\.com/[\w-]+/skann\b", file.read_text())
    assert set(found) <= {URL}


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("CITATION.cff", r"(?m)^version: (\S+)"),
        ("docs/citing.md", r"version = {(\S+)}"),
    ],
)
def test_a_citation_has_the_version(file, pattern):
    (version,) = re.findall(pattern, Path(REPOSITORY / file).read_text())
    assert version == skann.__version__


GUIDE = (
    *("networks", "losses", "regularisation", "training", "stopping", "tuning"),
    *("scaling", "tables", "streams", "inspection", "sklearn", "deployment"),
)


@pytest.mark.parametrize("name", GUIDE)
def test_a_page_of_the_guide_has_its_figure(name):
    figure = f"_static/guide/{name}.svg"
    assert f"](../{figure})" in (DOCS / "guide" / f"{name}.md").read_text()
    assert (DOCS / figure).stat().st_size < 120_000


EXAMPLES = sorted((REPOSITORY / "examples").rglob("plot_*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_a_thumbnail(example):
    thumbnail = f"_static/thumbnails/{example.stem.removeprefix('plot_')}.png"
    assert f'# sphinx_gallery_thumbnail_path = "{thumbnail}"' in example.read_text()
    assert (DOCS / thumbnail).stat().st_size < 60_000
