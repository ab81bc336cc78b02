"""Whether the search finds the right page for common words: asked of the built index.

The index is scored as Sphinx's `searchtools.js` does it in a browser: headings and
entries of the index by how much of them the query makes up, then words of titles and of
the text, of which a page must have all. A warning names each query of `search_pages`
whose page is not among the first three; with `-W` that ends the build. Where headings
do not suffice, `index_entries` gives a page entries of the index, as a book has them.
"""

import json
from collections import defaultdict
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)

# From searchtools.js.
TITLE, PARTIAL_TITLE, TERM, PARTIAL_TERM, INDEX_ENTRY = 15, 7, 5, 2, 100
LEAST_OF_PARTIAL = 3  # characters: shorter words only match as they are
SHOWN = 3


def read_index(path):
    """Return what `Search.setIndex(...)` is called with."""
    text = path.read_text(encoding="utf-8")
    return json.loads(text[text.index("(") + 1 : text.rindex(")")])


def by_headings(index, query, scores):
    """Raise the scores of pages with a heading or an entry that is mostly the query."""
    for title, places in index["alltitles"].items():
        if query in title.lower() and len(query) >= len(title) / 2:
            for page, _ in places:
                boost = index["titles"][page] == title
                score = round(TITLE * len(query) / len(title)) + boost
                scores[page] = max(scores[page], score)
    for entry, places in index["indexentries"].items():
        if query in entry and len(query) >= len(entry) / 2:
            for page, *_ in places:
                score = round(INDEX_ENTRY * len(query) / len(entry))
                scores[page] = max(scores[page], score)


def pages_of(found):
    """Return a list of pages: the index writes a single one without brackets."""
    return [found] if isinstance(found, int) else found


def by_words(index, words, scores):
    """Raise the scores of pages that have all the words."""
    hits = []
    for word in words:
        best = defaultdict(int)
        for table, exact, partial in (
            (index["terms"], TERM, PARTIAL_TERM),
            (index["titleterms"], TITLE, PARTIAL_TITLE),
        ):
            for term, found in table.items():
                if term == word:
                    score = exact
                elif len(word) >= LEAST_OF_PARTIAL and word in term:
                    score = partial
                else:
                    continue
                for page in pages_of(found):
                    best[page] = max(best[page], score)
        hits.append(best)
    for page in set.intersection(*map(set, hits)):
        scores[page] = max(scores[page], *(best[page] for best in hits))


def first_pages(index, query, stem):
    """Return the names of pages that a search finds, best first."""
    scores = defaultdict(int)
    by_headings(index, query.lower(), scores)
    by_words(index, [stem(word) for word in query.lower().split()], scores)
    order = sorted(scores, key=lambda page: (-scores[page], index["titles"][page]))
    return [index["docnames"][page] for page in order]


def check(app, exception):
    """Warn of each query whose page is not among the first."""
    path = Path(app.outdir) / "searchindex.js"
    if exception or app.builder.name != "html" or not path.exists():
        return
    index = read_index(path)
    stem = app.builder.indexer.lang.stem
    for query, page in app.config.search_pages.items():
        first = first_pages(index, query, stem)[:SHOWN]
        if page not in first:
            logger.warning("a search for %r finds %s, not %s", query, first, page)


class IndexEntries(SphinxTransform):
    """Gives a page the entries of the index that the settings name for it."""

    default_priority = 500  # before the entries are collected

    def apply(self, **kwargs):
        """Transform one page."""
        for term in self.config.index_entries.get(self.env.docname, ()):
            target = f"index-{nodes.make_id(term)}"
            entry = addnodes.index(entries=[("single", term, target, "", None)])
            self.document.insert(0, [entry, nodes.target("", "", ids=[target])])


def setup(app):
    """Register the check with Sphinx."""
    app.add_config_value("search_pages", {}, "")
    app.add_config_value("index_entries", {}, "env")
    app.add_transform(IndexEntries)
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
