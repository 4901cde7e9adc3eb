"""Pages of the site that are made from the code: parameters, detectors, the command line.

Also lets the site show the repository's figures and notebooks, and mends the links between them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jupytext
from rooms import describe_rooms, draw_rooms
from sphinx.application import Sphinx

from cagewatch.detectors.networks.build import MODELS
from cagewatch.detectors.registry import DETECTORS
from cagewatch.params import Parameters, read_layer
from cagewatch.params.layers import read_model
from cagewatch.plots import name_model
from cagewatch.study.contents import ARTEFACTS, Artefact

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ("figures", "notebooks")  # folders of the repository that are pages of the site
LINK = re.compile(r"(?P<text>!?\[[^\[\]]*\])\((?P<target>[^()\s#:]+)(?P<anchor>#[^()\s]*)?\)")


def write_pages(folder: Path) -> None:
    """Write every generated page under `folder`, the site's sources."""
    for name in SHOWN:
        # Copies, with their times: through a link Sphinx would see pages outside its sources.
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".*", "*.py"))
    # Sphinx writes the API's pages anew, but keeps those of modules that are gone.
    shutil.rmtree(folder / "generated" / "api", ignore_errors=True)
    pages = {
        "parameters.md": list_parameters(),
        "commands.md": describe_commands(),
        "rooms.md": describe_rooms("rooms.svg"),
        "notebooks.md": list_pages(
            "Notebooks",
            "Each notebook as it was executed for the published figures: of the simulated cage, "
            "of it at the paper's size (Figure 3), of Ped2 (Table 2) or of a real mouse. "
            "`experiment` and `prepare` are of a short study; `ablation_clips` waits for its runs.",
            (f"/notebooks/{path.stem}" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))),
        ),
        "galleries.md": list_pages(
            "Galleries",
            "All figures and tables of a dataset on one page.",
            (
                f"{', '.join(folder.parts)} </figures/{folder.as_posix()}/README>"
                for folder in list_galleries()
            ),
        ),
        "artefacts.md": list_pages(
            "Figures, tables and sections of the paper",
            "One page each: what it shows, the command, the result and its protocol.",
            (f"artefacts/{one.notebook}" for one in ARTEFACTS),
        ),
        "detectors.md": list_pages(
            "Every detector",
            "One page each: the idea, its source, its parameters, its rows of the tables.",
            (f"detectors/{name}" for name in DETECTORS),
        ),
    }
    pages |= {f"detectors/{name}.md": describe_detector(name) for name in DETECTORS}
    pages |= {f"artefacts/{one.notebook}.md": describe_artefact(one) for one in ARTEFACTS}
    for page in (folder / "generated").rglob("*.md"):
        if page.relative_to(folder / "generated").as_posix() not in pages:
            page.unlink()
    draw_rooms(folder / "generated" / "rooms.svg")
    for name, text in pages.items():
        path = folder / "generated" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def list_parameters() -> str:
    """Every parameter with its type, default and meaning, from the schema and params/base.yaml."""
    defaults = read_layer(ROOT / "params" / "base.yaml")
    schema = Parameters.model_json_schema()["properties"]
    lines = ["# Parameters", "", "Defaults are those of `params/base.yaml`; layers and `-p` change"]
    lines += ["them.", "", "| name | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in Parameters.model_fields.items():
        default = "" if defaults.get(name) is None else f"`{defaults[name]}`"
        kind = describe_type(schema[name])
        lines.append(f"| `{name}` | {kind} | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def describe_type(schema: dict) -> str:
    """A JSON schema's type in words: choices, or the type with its bounds."""
    if "anyOf" in schema:
        return " or ".join(
            describe_type(one) for one in schema["anyOf"] if one.get("type") != "null"
        )
    if schema.get("type") == "array":
        return f"list of {describe_type(schema.get('items', {}))}"
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{one}`" for one in schema.get("enum", [schema.get("const")]))
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "exclusiveMaximum": "<", "maximum": "≤"}
    told = [key for key in signs if schema.get(key, 1 << 31) < 1 << 31]
    bounds = [f"{signs[key]} {schema[key]}" for key in told]
    return ", ".join([schema.get("type", "any"), *bounds])


def describe_commands() -> str:
    """The command line's own help as one page."""
    command = [sys.executable, "-m", "typer", "cagewatch.cli", "utils", "docs"]
    command += ["--name", "cagewatch", "--title", "Command line"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return done.stdout


def describe_detector(name: str) -> str:
    """A detector's page: what its layer and its module say, and the parameters that it reads."""
    text = (ROOT / "params" / "model" / f"{name}.yaml").read_text(encoding="utf-8")
    comments = [line[1:].strip() for line in text.splitlines() if line.startswith("#")]
    module = DETECTORS[name]
    if module == DETECTORS["cae"]:  # a page says what the network is, not how all are trained
        module = MODELS[name].build.__module__
    meanings = {key: field.description for key, field in Parameters.model_fields.items()}
    lines = [f"# `{name}`", "", *comments, "", f"`make study MODELS={name}`", "", "## Idea", ""]
    lines += ["```{eval-rst}", f".. automodule:: {module}", "   :no-members:", "   :no-index:"]
    lines += ["```"]
    own = read_model(name)
    if own:
        lines += ["", "## Parameters that only some detectors read", ""]
        lines += ["| name | value | meaning |", "| --- | --- | --- |"]
    for key, value in own.items():
        shown = "as the dataset or scale says" if value is None else f"`{value}`"
        lines.append(f"| `{key}` | {shown} | {meanings[key]} |")
    if rows := find_rows(name):
        lines += ["", "## Its rows of the published tables", *rows]
    return "\n".join(lines) + "\n"


def find_rows(name: str) -> list[str]:
    """The rows of the published tables that are about a detector, each table under its title."""
    lines = []
    for path in sorted((ROOT / "figures").rglob("*.md")):
        if path.name == "README.md":  # a gallery, which shows the same tables once more
            continue
        text = path.read_text(encoding="utf-8").splitlines()
        table = [line for line in text if line.startswith("|")]
        own = [row for row in table[2:] if {name, name_model(name)} & cells_of(row)]
        if own:
            place = path.relative_to(ROOT).as_posix()
            lines += ["", f"[{text[0].lstrip('# ')}](/{place})", "", *table[:2], *own]
    return lines


def cells_of(row: str) -> set[str]:
    """The cells of a row of a Markdown table, as plain text."""
    return {cell.strip().replace("\\_", "_").strip("`") for cell in row.split("|")}


def describe_artefact(artefact: Artefact) -> str:
    """An artefact's page: what its notebook says, the command, and its figures and tables."""
    cells = jupytext.read(ROOT / "notebooks" / f"{artefact.notebook}.py").cells
    lines = [cells[0].source, "", f"[The notebook](/notebooks/{artefact.notebook}.ipynb)."]
    for gallery in list_galleries():
        folder, shown = ROOT / "figures" / gallery, []
        for figure in artefact.figures:
            caption = folder / f"{figure}.json"
            if (folder / f"{figure}.png").is_file():
                told = json.loads(caption.read_text("utf-8")) if caption.is_file() else {}
                shown += [
                    f"![{figure}](/figures/{gallery.as_posix()}/{figure}.png)",
                    "",
                    told.get("caption", ""),
                    "",
                ]
        for table in artefact.tables:
            path = folder / f"{table}.md"
            if path.is_file():
                shown += [path.read_text("utf-8"), ""]
        if shown:
            record = folder / "published.json"
            scale = f" SCALE={json.loads(record.read_text())['scale']}" if record.is_file() else ""
            dataset, *alone = gallery.parts
            target = f" TARGETS={alone[0]}" if alone else ""
            data = "" if dataset.startswith("simulated") else " DATA=<folder>"
            command = f"```bash\nmake study DATASET={dataset}{scale}{target}{data}\n```"
            lines += ["", f"## On {', '.join(gallery.parts)}", "", command, "", *shown]
    return "\n".join(lines) + "\n"


def list_galleries() -> list[Path]:
    """The folders below ``figures`` that have a gallery: a dataset's, and of a target alone."""
    pages = sorted((ROOT / "figures").rglob("README.md"))
    return [page.parent.relative_to(ROOT / "figures") for page in pages]


def list_pages(title: str, text: str, pages: Iterable[str]) -> str:
    """A page that only lists others."""
    return "\n".join([f"# {title}", "", text, "", "```{toctree}", *pages, "```", ""])


def mend_links(app: Sphinx, name: str, source: list[str]) -> None:
    """Point the links of a page at the site's pages; those to other files keep their text only."""
    path = (Path(app.srcdir) / app.env.doc2path(name, base=False)).absolute()
    home = path.parent
    for shown in SHOWN:  # a page of figures/ links as it does in the repository
        if home.is_relative_to(Path(app.srcdir) / shown):
            home = ROOT / home.relative_to(app.srcdir)

    def mend(match: re.Match[str]) -> str:
        text, target, anchor = match["text"], match["target"], match["anchor"] or ""
        whole = Path(os.path.normpath(home / target))
        if not whole.is_relative_to(ROOT) or not whole.exists():
            return match[0]  # Sphinx says so
        inside = whole.relative_to(ROOT)
        if inside.parts[0] in SHOWN and (whole.is_file() and whole.suffix != ".py"):
            return f"{text}(/{inside.as_posix()}{anchor})"
        if inside.parts[0] == "docs":
            return f"{text}(/{inside.relative_to('docs').as_posix()}{anchor})"
        return text.strip("[]")

    source[0] = LINK.sub(mend, source[0])
    if name.startswith("figures/") and not name.endswith("/README"):
        text = re.sub(r"\A#+ ", "# ", source[0])  # a table on its own is a page
        source[0] = f"---\norphan: true\n---\n\n{text}"


def mend_docstring(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Let a docstring say `Recording`s and *places as Python does, not reStructuredText."""
    for index, line in enumerate(lines):
        line = re.sub(r"(?<!`)`([^`\s]+)`(?=\w)", r"``\1``\\ ", line)
        lines[index] = re.sub(r"(?<![\w*`])\*(?=\w+[,)\s])(?![^*]*\*)", r"\\*", line)
