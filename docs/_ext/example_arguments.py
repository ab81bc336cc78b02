"""The command lines with which the gallery runs the examples."""

import functools
import tempfile
from pathlib import Path


@functools.cache
def folder():
    """Return the folder for the files that examples save."""
    return tempfile.mkdtemp(prefix="skann-gallery-")


class Arguments:
    """Sends the pictures that an example would leave in its folder elsewhere."""

    def __repr__(self):  # the same for each build, or all pages would be made anew
        return "Arguments()"

    def __call__(self, gallery_conf, script_vars):
        """Return the command line of an example."""
        source = Path(script_vars["src_file"]).read_text(encoding="utf-8")
        return ["--output", folder()] if '"--output"' in source else []
