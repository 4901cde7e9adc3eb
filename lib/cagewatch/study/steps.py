"""The steps of the batch that are no notebooks: ``python -m cagewatch.study.steps <step> ...``.

Each takes parameters and writes, last of all, one file that says what it made.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from cagewatch import params
from cagewatch.errors import InputError
from cagewatch.files import read_json, write_json
from cagewatch.params import Parameters
from cagewatch.recordings import load_recordings
from cagewatch.simulate import VERSION, name_recordings, write_dataset
from cagewatch.store import stores_of


def simulate(parameters: Parameters, cores: int) -> list[str]:
    """Simulate the recordings into `data_dir`; returns their names.

    Recordings simulated with other values, or by an earlier version of the simulator, are replaced
    where they lie inside the checkout, and refused elsewhere.
    """
    folder = Path(parameters.data_dir).expanduser()
    settings = {
        "seed": parameters.simulate_seed,
        "n_recordings": parameters.simulate_recordings,
        "n_frames": parameters.simulate_frames,
        "rare": parameters.simulate_rare,
    }
    marker = folder / "simulated.json"
    if marker.is_file() and params.project_root() in folder.resolve().parents:
        held = read_json(marker)
        wanted = settings | {"version": VERSION}
        if any(held.get(name, value) != value for name, value in wanted.items()):
            shutil.rmtree(folder / "full_database", ignore_errors=True)
            marker.unlink()
    write_dataset(folder, **settings, cores=cores)
    return name_recordings(parameters.simulate_recordings)


def preprocess(parameters: Parameters, cores: int) -> dict[str, dict[str, str | int | None]]:
    """Build the store of every recording; returns by name what each was built from."""
    recordings = load_recordings(parameters)
    stores = stores_of(recordings, parameters, cores)
    return {
        one.name: {
            "frames": len(stores[one.name]),
            "source_sha256": stores[one.name].source_digest,
            "labels_sha256": one.labels_digest,
        }
        for one in recordings
    }


STEPS = {"simulate": simulate, "preprocess": preprocess}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one step; its failure is one sentence where the user can do something about it."""
    parser = argparse.ArgumentParser(prog="python -m cagewatch.study.steps", description=__doc__)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("output", type=Path, help="file that says what was made")
    parser.add_argument("--values", type=json.loads, default={}, help="parameters, as JSON")
    parser.add_argument("--cores", type=int, default=1)
    given = parser.parse_args(arguments)
    try:
        parameters = params.resolve(given.values)
        write_json(given.output, STEPS[given.step](parameters, given.cores))
    except InputError as error:
        sys.exit(f"cagewatch: {error}")


if __name__ == "__main__":  # worker processes import this file too
    main()
