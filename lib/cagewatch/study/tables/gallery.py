"""A folder's gallery: ``python -m cagewatch.study.tables.gallery <dataset> <README.md>``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from cagewatch.errors import InputError
from cagewatch.files import read_json, whole_file
from cagewatch.names import escape_markdown
from cagewatch.video.stills import natural_key

FIRST = ("summary", "section_3_4", "table_2", "roc", "figure_3", "figure_4", "learning_curves")


def write_gallery(folder: Path, title: str) -> Path:
    """Write ``README.md`` in a folder of figures and tables, so that a forge shows them all.

    A figure is a png, with its caption from ``<name>.json`` (see `cagewatch.plots.save_figure`); a
    table is an md, with its caption from its heading. The first sentence of a caption is the
    heading here. Results come `FIRST`, then the rest in the order of their names. Folders within
    that have such a page are linked.
    InputError if the folder is missing or holds neither.
    """
    names = {path.stem for kind in ("png", "md") for path in folder.glob(f"*.{kind}")} - {"README"}
    if not names:
        raise InputError(f"There is no figure or table in {folder} to show; make some first.")
    parts = [f"# {title}: figures and tables"]
    for page in sorted(folder.glob("*/README.md")):
        parts.append(f"A study of [{page.parent.name}]({page.parent.name}/README.md) alone.")
    for name in sorted(names, key=place_of):
        caption, body = name.replace("_", " "), ""
        if (folder / f"{name}.json").is_file():
            caption = read_json(folder / f"{name}.json").get("caption", caption)
            caption = escape_markdown(str(caption))
        if (folder / f"{name}.md").is_file():
            heading, _, body = (folder / f"{name}.md").read_text("utf-8").partition("\n")
            caption = heading.lstrip("# ").strip()
        heading, *rest = re.split(r"(?<=\w\w\.) (?=\w)", caption, maxsplit=1)
        parts.append(f"## {heading.removesuffix('.')}")
        if (folder / f"{name}.png").is_file():
            parts.append(f"![{caption.replace('[', '(').replace(']', ')')}]({name}.png)")
        kinds = [kind for kind in ("svg", "csv", "tex") if (folder / f"{name}.{kind}").is_file()]
        parts += [*rest, body.strip(), " · ".join(f"[{kind}]({name}.{kind})" for kind in kinds)]
    with whole_file(folder / "README.md") as partial:
        partial.write_text("\n\n".join(filter(None, parts)) + "\n", encoding="utf-8")
    return folder / "README.md"


def place_of(name: str) -> tuple[int, list[tuple[int, int, str]]]:
    """Where a figure or table comes in its gallery, for `sorted`."""
    number = next((n for n, one in enumerate(FIRST) if name.startswith(one)), len(FIRST))
    return number, natural_key(Path(name))


if __name__ == "__main__":
    dataset, page = sys.argv[1:]
    try:
        write_gallery(Path(page).parent, dataset)
    except InputError as error:
        sys.exit(f"cagewatch: {error}")
