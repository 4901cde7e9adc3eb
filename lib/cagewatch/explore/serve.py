"""A notebook as a page on this machine: `python -m cagewatch.explore.serve NOTEBOOK [option ...]`.

Voila shows it. The page asks for a token, is served on 127.0.0.1 only, answers to no other host
name, and neither links nor may load anything from outside hosts.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parent / "page"
# Voila's and ipywidgets' scripts stand in the page and compile schemas, hence the two 'unsafe-';
# a widget's own script comes as a blob.
POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    ]
)


def serve_notebook(notebook: Path, options: Sequence[str] = ()) -> None:
    """Serve a notebook as a page until interrupted, with further options of Voila."""
    from traitlets.config import Config
    from voila.app import Voila

    paths = [str(TEMPLATES), os.environ.get("JUPYTER_PATH", "")]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(path for path in paths if path)
    settings = {
        # Voila answers to every host name otherwise, so that another site's name could be pointed
        # at this machine.
        "allow_remote_access": False,
        "headers": {"Content-Security-Policy": POLICY},
    }
    fixed = ["--template=cagewatch", "--Voila.ip=127.0.0.1", "--token"]
    Voila.launch_instance(
        [str(notebook), *fixed, *options], config=Config({"Voila": {"tornado_settings": settings}})
    )


def serve_review(folder: Path, options: Sequence[str] = ()) -> None:
    """Serve the alarms of a cage's folder, to be decided on by keyboard, until interrupted."""
    import nbformat

    code = f"from cagewatch import explore\nexplore.Reviewer({str(folder.absolute())!r})"
    page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    page.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    with tempfile.TemporaryDirectory() as place:
        nbformat.write(page, Path(place) / "review.ipynb")
        serve_notebook(Path(place) / "review.ipynb", options)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("cagewatch: name the notebook to show.")
    serve_notebook(Path(sys.argv[1]), sys.argv[2:])
