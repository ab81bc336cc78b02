"""Formulas as MathML, which browsers draw by themselves: no script, no network."""

from html import escape

from docutils.nodes import SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

logger = logging.getLogger(__name__)


def render(node, *, as_block):
    """Return a formula as MathML; what cannot be read is shown as it stands."""
    latex = node.astext().replace(r"\dots", r"\ldots")
    try:
        return tex2mathml(latex, as_block=as_block)
    except MathError as error:
        logger.warning("%s in %s", error, latex, location=node)
        return f"<code>{escape(latex)}</code>"


def visit_inline(translator, node):
    """Write a formula within a line."""
    translator.body.append(f'<span class="math">{render(node, as_block=False)}</span>')
    raise SkipNode


def visit_block(translator, node):
    """Write a formula on a line of its own."""
    translator.body.append(f'<div class="math">{render(node, as_block=True)}</div>\n')
    raise SkipNode


def setup(app):
    """Register the renderer with Sphinx."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
