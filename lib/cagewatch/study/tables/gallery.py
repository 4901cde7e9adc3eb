"""A dataset's gallery: ``python -m cagewatch.study.tables.gallery <dataset> <README.md>``."""

from __future__ import annotations

import sys
from pathlib import Path

from cagewatch.errors import InputError
from cagewatch.study.tables import write_gallery

if __name__ == "__main__":
    dataset, page = sys.argv[1:]
    try:
        write_gallery(Path(page).parent, dataset)
    except InputError as error:
        sys.exit(f"cagewatch: {error}")
