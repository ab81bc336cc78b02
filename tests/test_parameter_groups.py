"""The reference shows the parameters of the estimators in groups, all of them."""

import importlib
import inspect
import re
import sys
from pathlib import Path

import pytest

from skann import BackpropClassifier, BackpropRegressor, check_gradient

DOCS = Path(__file__).parents[1] / "docs"
BOTH = (BackpropClassifier, BackpropRegressor)


@pytest.fixture(scope="module")
def modules():
    """Return the table of groups, and numpydoc's page of a docstring."""
    pytest.importorskip("sphinx")
    sys.path.insert(0, str(DOCS / "_ext"))
    try:
        yield (
            importlib.import_module("parameter_groups"),
            importlib.import_module("numpydoc.docscrape_sphinx").SphinxDocString,
        )
    finally:
        sys.path.remove(str(DOCS / "_ext"))


def page_of(modules, thing):
    """Return the list of parameters in reStructuredText."""
    groups, page = modules
    doc = page(inspect.getdoc(thing))
    before = [parameter.name for parameter in doc["Parameters"]]
    lines = groups.grouped_param_list(doc, doc._str_param_list, "Parameters")
    assert [parameter.name for parameter in doc["Parameters"]] == before
    return "\n".join(lines)


def test_each_parameter_is_in_one_group(modules):
    named = [n for _, group in modules[0].GROUPS.values() for n in group.split()]
    assert len(named) == len(set(named))
    assert set(named) == {n for cls in BOTH for n in inspect.signature(cls).parameters}


def test_the_guide_has_the_pages(modules):
    for pages, _ in modules[0].GROUPS.values():
        for page in pages:
            assert (DOCS / f"{page}.md").exists()


@pytest.mark.parametrize("estimator", BOTH)
def test_the_page_of_an_estimator_has_its_parameters_in_groups(modules, estimator):
    page = page_of(modules, estimator)
    headings = re.findall(r"(?m)^:(.*) parameters:$", page)
    assert headings == [*modules[0].GROUPS]
    shown = re.findall(r"(?m)^    \*\*(\w+)\*\* : ", page)
    assert sorted(shown) == sorted(inspect.signature(estimator).parameters)
    assert "    See :doc:`Networks </guide/networks>`." in page
    # Each below its own heading.
    loss = page.index(":Loss parameters:")
    assert loss < page.index("**loss**") < page.index(":Optimisation parameters:")


def test_other_pages_have_one_list(modules):
    page = page_of(modules, check_gradient)
    assert page.startswith(":Parameters:")
    assert "parameters:\n" not in page
