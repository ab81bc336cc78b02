"""The settings of Sphinx: `python -m sphinx -W -b html docs docs/_build/html`.

It needs no network. `SKANN_DOCS_INTERSPHINX=1` in the environment fetches the lists of
names of the other projects instead of making them from what is installed.
`-D plot_gallery=0` shows the examples without running them; `SKANN_DOCS_EXAMPLES` runs
those whose path matches a regular expression.
"""

import os
import sys
import tomllib
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

import inventories  # noqa: E402
from example_arguments import Arguments  # noqa: E402
from sphinx_gallery.sorting import ExplicitOrder  # noqa: E402

import skann  # noqa: E402

project = "skann"
author = "The skann developers"
copyright = f"2026, {author}"
version = release = skann.__version__
urls = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["urls"]

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    # In _ext:
    "api_pages",
    "autolinks",
    "mathml",
    "search_check",
]
exclude_patterns = ["_build", "_ext", "**/GALLERY_HEADER.rst"]
templates_path = ["_templates"]
default_role = "literal"
smartquotes = False  # "adam" is a value, and is written as one

# ----------------------------------------------------------------------- what is read

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # a page that includes another starts at its level

autosummary_generate = False  # api_pages writes them
autodoc_typehints = "none"  # numpydoc says it better
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

intersphinx_mapping = inventories.mapping(
    HERE / "_build" / "inventories",
    online=os.environ.get("SKANN_DOCS_INTERSPHINX") == "1",
)

# -------------------------------------------------------------------------- the gallery

warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")
os.environ.setdefault("OMP_NUM_THREADS", "2")

GALLERY = ("tables", "probabilities", "training", "inside", "sources")
sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["gallery"],
    # MNIST has to be fetched, and takes its time: that page is the code alone.
    "filename_pattern": os.environ.get("SKANN_DOCS_EXAMPLES", r"[\\/]plot_(?!mnist)"),
    "doc_module": ("skann",),
    "backreferences_dir": "api/backreferences",
    "inspect_global_variables": False,
    "reference_url": {"skann": None},
    "reset_argv": Arguments(),
    "matplotlib_animations": True,
    "abort_on_example_error": True,
    "min_reported_time": 1,
    "write_computation_times": False,
    "show_memory": False,
    "parallel": 2,
    "download_all_examples": False,
    "remove_config_comments": True,
    "within_subsection_order": "FileNameSortKey",
    "default_thumb_file": str(HERE / "_static" / "network.png"),
    "thumbnail_size": (600, 420),
    "subsection_order": ExplicitOrder(
        ["../examples/" + name for name in GALLERY] + ["*"]
    ),
}

# ------------------------------------------------------------------------- what is made

html_theme = "pydata_sphinx_theme"
html_title = "skann"
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["skann.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "skann"},
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "navbar_persistent": [],
    "navbar_end": ["search-button", "theme-switcher", "navbar-icon-links"],
    "icon_links": [
        {
            "name": "Repository",
            "url": urls["Repository"],
            "icon": "fa-brands fa-github",
        }
    ],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "back_to_top_button": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
# Pages without others below or beside them need no empty column.
html_sidebars = {name: [] for name in ("index", "quickstart", "backpropagation")}

# ------------------------------------------------------------------ what is found there

# What people search for, and the page that must be among the first three.
index_entries = {
    "guide/training": ["learning rate"],
    "guide/losses": ["sample weights", "prediction intervals"],
    "guide/tables": ["missing values"],
    "guide/inspection": ["feature importance"],
}
search_pages = {
    "overfitting": "guide/tuning",
    "underfitting": "guide/tuning",
    "hyperparameter": "guide/tuning",
    "early stopping": "guide/stopping",
    "dropout": "guide/regularisation",
    "regularization": "guide/regularisation",
    "learning rate": "guide/training",
    "callbacks": "guide/training",
    "progress bar": "guide/training",
    "onnx": "guide/deployment",
    "categorical": "guide/tables",
    "missing values": "guide/tables",
    "install": "installation",
    "sample weights": "guide/losses",
    "prediction intervals": "guide/losses",
    "feature importance": "guide/inspection",
    "optuna": "works_with",
}
