"""What the documentation's blocks of Python print: shown below them, and compared.

A block that is followed by a block of `text` prints what that holds. Numbers may differ
a little, since another processor rounds otherwise and training carries that on; words
may not. To write what the blocks of some pages print into them:

    python -m tests.outputs README.md docs/quickstart.md
"""

import contextlib
import io
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Leaves out ```{code-block} python: that is not run, or is tested elsewhere.
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?(?![\w])")
# Of the number that the page shows; a number with an exponent is an order of magnitude.
RELATIVE, ABSOLUTE, FACTOR = 0.1, 0.03, 1000


@dataclass(frozen=True)
class Block:
    """A block of Python, and what the page says that it prints (or None)."""

    code: str
    output: str | None


def blocks_of(text):
    """Return the blocks of a page."""
    return [Block(match["code"], match["output"]) for match in BLOCK.finditer(text)]


def run(blocks):
    """Yield each block with what it prints; they share their names."""
    names = {"__name__": "__main__"}
    try:
        for block in blocks:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(block.code, "<documentation>", "exec"), names)
            yield block, printed.getvalue()
    finally:
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")


def close(shown, printed):
    """Return whether two numbers, as they are written, say the same."""
    if "e" in shown + printed:
        small, large = sorted(abs(float(number)) for number in (shown, printed))
        return large <= FACTOR * small or large < 1e-6
    a, b = float(shown), float(printed)
    return abs(a - b) <= ABSOLUTE + RELATIVE * abs(a)


def difference(shown, printed):
    """Return None, or in words how what is printed differs from what is shown."""
    if NUMBER.sub("#", shown).split() != NUMBER.sub("#", printed).split():
        return f"the page shows\n{shown}\nand its block prints\n{printed}"
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    far = [pair for pair in pairs if not close(*pair)]
    return f"shown and printed: {far}, in\n{printed}" if far else None


def written(text):
    """Return a page with what its blocks print now."""
    printed = iter([out for _, out in run(blocks_of(text))])

    def block(match):
        output = next(printed).rstrip()
        code = f"```python\n{match['code']}```\n"
        lines = "\n".join(line.rstrip() for line in output.splitlines())
        return f"{code}\n```text\n{lines}\n```\n" if output else code

    return BLOCK.sub(block, text)


def main(paths):
    """Write the outputs of the pages named."""
    pages = [Path(path).resolve() for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # some blocks save a picture
        for page in pages:
            page.write_text(written(page.read_text()))


if __name__ == "__main__":
    main(sys.argv[1:])
