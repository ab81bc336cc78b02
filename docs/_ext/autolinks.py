"""Names in code font lead to their documentation.

So the pages can be read as they stand: `BackpropClassifier` in backquotes is a link to
its page of the reference, and `GridSearchCV` to scikit-learn's.
"""

import re

import inventories
from api_pages import public_objects
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

NOT_WITHIN = (
    nodes.reference,
    nodes.title,
    nodes.rubric,
    addnodes.desc_signature,
    addnodes.pending_xref,
    addnodes.download_reference,
)


def targets():
    """Return full names by what may stand for them."""
    found = {}
    for name, value in inventories.scikit_learn_names():
        # A function's name may be a plain word.
        if isinstance(value, type) or "_" in name.rpartition(".")[2]:
            found.setdefault(name.rpartition(".")[2], name)
        found[name] = name
    found["pandas.DataFrame"] = "pandas.DataFrame"
    for name in public_objects():
        found[name] = found[name.rpartition(".")[2]] = name
    return found


class LinkNames(SphinxPostTransform):
    """Turns names in code font into references."""

    default_priority = 5  # before references are resolved
    full_names = targets()

    def run(self, **kwargs):
        """Transform one page."""
        page = self.env.docname.removeprefix("api/generated/")
        for literal in list(self.document.findall(nodes.literal)):
            name = self.full_names.get(literal.astext().removesuffix("()"))
            if name in (None, page) or any(
                isinstance(ancestor, NOT_WITHIN) for ancestor in ancestors(literal)
            ):
                continue
            reference = addnodes.pending_xref(
                "", refdomain="py", reftype="obj", reftarget=name, refexplicit=True,
                refwarn=False, refdoc=self.env.docname,
            )  # fmt: skip
            literal.replace_self(reference)
            reference += literal


def ancestors(node):
    """Yield the nodes around a node."""
    while node.parent is not None:
        node = node.parent
        yield node


def point_links_into_the_documentation(app, docname, source):
    """Lead links to examples to the gallery, and say files without their folder.

    On a code host a link leads to the file of the example, here to its page.
    """
    if docname.startswith("gallery/"):
        source[0] = re.sub(r"( in )?\S*skann-gallery-\w+/?", "", source[0])
    else:
        page = r"\]\((?:\.\./)+examples/([\w/]+)\.py\)"
        folder = r"\]\((?:\.\./)+examples((?:/\w+)?)\)"
        source[0] = re.sub(page, r"](/gallery/\1.rst)", source[0])
        source[0] = re.sub(folder, r"](/gallery\1/index.rst)", source[0])


def setup(app):
    """Register the transform with Sphinx."""
    app.add_post_transform(LinkNames)
    app.connect("source-read", point_links_into_the_documentation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
