"""The reference: a page for each public name, and a check that each is documented."""

import ast
import importlib
import inspect
import re
from pathlib import Path

from numpydoc.docscrape import get_doc_object
from numpydoc.docscrape_sphinx import SphinxDocString
from parameter_groups import grouped_param_list
from sklearn.base import BaseEstimator
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging

# Where the classes are whose objects may be values of an estimator's parameters. Those
# that skann does not export belong to an output.
BUILT_IN = {
    "skann.core.losses": ("Losses", "Loss"),
    "skann.core.activations": ("Activations", "Activation HiddenActivation"),
    "skann.core.initializers": ("Initialisers", "Initializer"),
    "skann.training.optimizers": ("Optimizers", "Optimizer"),
    "skann.training.schedules": ("Learning-rate schedules", "Schedule"),
}
PUBLIC = (
    "skann",
    "skann.inspection",
    "skann.export",
    "skann.dask",
    "skann.callbacks",
    "skann.datasets",
)
EXTRA = ("skann.training.progress.Progress",)


def public_names(module):
    """Return a module's `__all__` or, without one, what it defines itself."""
    return getattr(module, "__all__", None) or sorted(
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__
        and not name.startswith("_")
        and callable(value)
    )


def built_in_names(module, bases):
    """Return the concrete classes of a module that are derived from the bases."""
    bases = tuple(getattr(module, base) for base in bases.split())
    return [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, bases)
        and not inspect.isabstract(value)
        and value.__module__ == module.__name__
    ]


def is_built_in(value):
    """Say whether it is one of the classes that `BUILT_IN` describes."""
    module_name = getattr(value, "__module__", None)
    return module_name in BUILT_IN and not inspect.isabstract(value)


def public_objects():
    """Return every object of the reference by its full name."""
    found = {}
    for module_name in PUBLIC:
        module = importlib.import_module(module_name)
        for name in public_names(module):
            found[f"{module_name}.{name}"] = getattr(module, name)
    for module_name, (_, bases) in BUILT_IN.items():
        module = importlib.import_module(module_name)
        for name in built_in_names(module, bases):
            if getattr(module, name) not in found.values():
                found[f"{module_name}.{name}"] = getattr(module, name)
    for name in EXTRA:
        module_name, _, attribute = name.rpartition(".")
        found[name] = getattr(importlib.import_module(module_name), attribute)
    return found


def public_methods(value):
    """Return the methods and properties of a class that skann documents, by name."""
    found = {}
    for name, method in inspect.getmembers(value):
        if name.startswith("_"):
            continue
        static = inspect.getattr_static(value, name)
        if isinstance(static, property):
            method = static.fget
        is_ours = getattr(method, "__module__", "").startswith("skann")
        if callable(method) and is_ours and not inspect.isclass(method):
            found[name] = method
    return found


def inherited_methods(value):
    """Return the names of a class's methods that other projects document."""
    return [
        name
        for name, method in inspect.getmembers(value, callable)
        if not name.startswith("_") and name not in public_methods(value)
    ]


def is_error(value):
    """Return whether it is an exception, which has Python's own signature."""
    return inspect.isclass(value) and issubclass(value, BaseException)


def problems_of(name, value):
    """Yield what the docstring of a public object, and those of its methods, lack."""
    yield from _problems(name, value, complete=True)
    if not inspect.isclass(value) or is_built_in(value) or is_error(value):
        return
    for method_name in public_methods(value):
        # An override is documented by what it overrides.
        definitions = [
            getattr(base, method_name)
            for base in value.__mro__
            if method_name in vars(base)
        ]
        method = next((one for one in definitions if one.__doc__), definitions[0])
        is_estimator = issubclass(value, BaseEstimator)
        yield from _problems(f"{name}.{method_name}", method, complete=is_estimator)


def _problems(name, value, *, complete):
    """Yield what one docstring lacks; a section that is there must be complete."""
    if not (value.__doc__ or "").strip():
        yield f"{name} has no docstring"
        return
    if isinstance(value, property):
        return
    doc = get_doc_object(value, config={"show_class_members": False})
    if not any(line.strip() for line in doc["Summary"]):
        yield f"{name} has no summary"
    documented = {
        part.strip().lstrip("*")
        for section in ("Parameters", "Attributes")
        for parameter in doc[section]
        for part in parameter.name.split(",")
    }
    accepted = set() if is_error(value) else set(inspect.signature(value).parameters)
    accepted -= {"self", "args", "kwargs"}
    if (complete or doc["Parameters"]) and (missing := accepted - documented):
        yield f"{name} does not document {', '.join(sorted(missing))}"
    for section in ("Parameters", "Attributes", "Returns"):
        for parameter in doc[section]:
            if not any(parameter.desc):
                yield f"{name} does not describe {parameter.name or parameter.type}"


# ---------------------------------------------------------------------- writing pages


def title(text, underline="="):
    """Return a heading in reStructuredText."""
    return f"{text}\n{underline * len(text)}\n\n"


def table(names, caption=None):
    """Return a table of summaries that lead to the pages of the names.

    With a caption the pages stand below it in the sidebar.
    """
    names = list(names)
    rows = "".join(f"   ~{name}\n" for name in names)
    text = f".. autosummary::\n   :nosignatures:\n\n{rows}\n"
    if caption:
        pages = "".join(f"   generated/{name}\n" for name in names)
        text += f".. toctree::\n   :hidden:\n   :caption: {caption}\n\n{pages}\n"
    return text


def object_page(name, value):
    """Return the page of one public object."""
    module, _, short = name.rpartition(".")
    text = title(short) + f".. currentmodule:: {module}\n\n"
    if not inspect.isclass(value):
        return text + f".. autofunction:: {name}\n\n" + examples_of(name)
    if module in BUILT_IN:
        # The source's way back, which takes all of a file for what skann exports of it.
        text += f'.. raw:: html\n\n   <span id="skann.{short}"></span>\n\n'
    text += f".. autoclass:: {name}\n"
    if not is_built_in(value):
        methods = public_methods(value)
        for method in methods:
            static = inspect.getattr_static(value, method)
            kind = "property" if isinstance(static, property) else "method"
            text += f"\n   .. auto{kind}:: {method}\n"
        inherited = inherited_methods(value)
        if issubclass(value, BaseEstimator) and inherited:
            links = ", ".join(f"``{method}``" for method in inherited)
            text += f"\n   Methods of scikit-learn's base classes: {links}.\n"
    return text + "\n" + examples_of(name)


def examples_of(name):
    """Return the thumbnails of the examples that use a name."""
    path = f"/api/backreferences/{name}.examples"
    return f".. include:: {path}\n" if name.count(".") <= 2 else ""


def index_page():
    """Return the page that lists all others."""
    objects = public_objects()

    def names(module, accept):
        return [
            name
            for name, value in objects.items()
            if name.rpartition(".")[0] == module and accept(value)
        ]

    def is_estimator(value):
        return inspect.isclass(value) and issubclass(value, BaseEstimator)

    def is_other_class(value):
        is_class = inspect.isclass(value) and not is_built_in(value)
        return is_class and not is_estimator(value)

    parts = [title("API reference"), "All public names, by module.\n\n"]
    for heading, named in (
        ("Estimators", names("skann", is_estimator)),
        ("Gradient check", names("skann", inspect.isfunction)),
        ("Base classes", [*names("skann", is_other_class), *EXTRA]),
    ):
        parts += [title(heading, "-"), table(named, heading)]
    of_inspection = names("skann.inspection", lambda value: True)
    displays = [name for name in of_inspection if name.endswith("Display")]
    functions = [name for name in of_inspection if inspect.isfunction(objects[name])]
    results = [n for n in of_inspection if n not in {*displays, *functions}]
    parts += [title("Inspection", "-"), "In ``skann.inspection``.\n\n"]
    for named, caption in (
        (functions, "Inspection: functions"),
        (displays, "Inspection: displays"),
        (results, "Inspection: results"),
    ):
        if named:
            parts.append(table(named, caption))
    for module, heading in (
        ("skann.export", "Export"),
        ("skann.dask", "Dask"),
        ("skann.callbacks", "Callbacks"),
        ("skann.datasets", "Data sets"),
    ):
        parts += [title(heading, "-"), f"In ``{module}``.\n\n"]
        parts += [table(names(module, lambda value: True), heading)]
    parts.append(title("Built-in components", "-"))
    parts.append(
        "Estimators accept these by name. As objects they have parameters, which a "
        "search can reach. Their methods are those of the base class.\n\n"
    )
    for module, (heading, _) in BUILT_IN.items():
        parts.append(title(heading, "~"))
        named = [
            name
            for name, value in objects.items()
            if is_built_in(value) and value.__module__ == module
        ]
        parts.append(table(named, heading))
    return "".join(parts)


def write_if_new(path, text):
    """Write a file unless it holds the text already, so that nothing is built anew."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write_pages(app):
    """Write all pages of the reference, and warn of what is not documented."""
    logger = logging.getLogger(__name__)
    folder = Path(app.srcdir) / "api"
    generated = folder / "generated"
    generated.mkdir(parents=True, exist_ok=True)
    (folder / "backreferences").mkdir(exist_ok=True)
    objects = public_objects()
    for name, value in objects.items():
        for problem in problems_of(name, value):
            logger.warning(problem)
        examples = folder / "backreferences" / f"{name}.examples"
        if not examples.exists():
            examples.write_text("")
        write_if_new(generated / f"{name}.rst", object_page(name, value))
    for page in generated.glob("*.rst"):
        if page.stem not in objects:
            page.unlink()
    write_if_new(folder / "index.rst", index_page())


def escape_formulas(app, what, name, obj, options, lines):
    """Keep |r| from being a substitution, and `n_features_in_` from being a target."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")) and "``" not in line:
            line = line.replace("|", r"\|")
            lines[number] = re.sub(r"(\(\w+)_,\)", r"\1\_,)", line)


def find_source(app, module_name):
    """Return a module's code and where its definitions are, if Sphinx cannot.

    It stumbles over ``**`` within the arguments of a decorator.
    """
    try:
        ModuleAnalyzer.for_module(module_name).find_tags()
    except PycodeError:
        code = inspect.getsource(importlib.import_module(module_name))
        return code, {
            node.name: ("def", node.lineno, node.end_lineno)
            for node in ast.parse(code).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
    return None


def keep_text_of_attributes():
    """Show what a class says of an attribute, not the first line of its property."""
    process = SphinxDocString._process_param

    def process_as_written(self, param, desc, fake_autosummary):
        return process(self, param, desc, False)

    SphinxDocString._process_param = process_as_written


def group_parameters():
    """Show the parameters of the estimators in groups, with links to the guide."""
    list_of = SphinxDocString._str_param_list

    def in_groups(self, name, fake_autosummary=False):
        def of_section(section):
            return list_of(self, section, fake_autosummary)

        return grouped_param_list(self, of_section, name)

    SphinxDocString._str_param_list = in_groups


def setup(app):
    """Write the pages before Sphinx looks which there are."""
    keep_text_of_attributes()
    group_parameters()
    app.connect("viewcode-find-source", find_source)
    app.connect("autodoc-process-docstring", escape_formulas, priority=400)
    app.connect("builder-inited", write_pages, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
