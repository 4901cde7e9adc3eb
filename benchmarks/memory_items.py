"""How many items a trained memory uses: ``python -m benchmarks.memory_items RUN...``.

    python -m benchmarks.memory_items results/ped2/anomaly/memory/seed-0 --data FOLDER

A RUN is the folder of a finished run of the model ``memory``. For every vector of its test clips
the items are counted that pass the shrinkage, once as the network addresses them and once without
sharpening, as its first version did. The table is ``build/memory_items.csv``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.material import open_tested
from cagewatch import runtime
from cagewatch.clips import index_test_clips

OUTPUT = Path("build/memory_items.csv")
CLIPS = 200  # of the test, evenly spread


def count_items(folder: Path, data: str | None) -> list[dict[str, object]]:
    """Two rows of one run: items per vector and items that any vector uses, sharpened and not."""
    import keras

    from cagewatch.clips.batches import ClipBatches, as_keras_reads
    from cagewatch.detectors.network import rebuild
    from cagewatch.detectors.networks import memory

    held, test, stores = open_tested(folder, data)
    parameters = held.parameters
    index = index_test_clips(test, stores, parameters)
    some = index.take(np.linspace(0, len(index) - 1, min(CLIPS, len(index))).astype(int))
    model = rebuild(held.state, parameters)
    [layer] = [one for one in model.layers if isinstance(one, memory.Memory)]
    batches = ClipBatches(some, stores, parameters, float(held.state["flow_scale"]), [*model.input])
    encoder = keras.Model(model.input, layer.input)
    vectors = encoder.predict(as_keras_reads(batches), verbose=0)
    vectors = vectors.reshape(-1, vectors.shape[-1])
    rows = []
    for sharpness in (memory.SHARPNESS, 1.0):
        memory.SHARPNESS = sharpness
        per_vector, ever = [], np.zeros(layer.items, bool)
        for part in np.array_split(vectors, max(1, len(vectors) // 1000)):
            used = keras.ops.convert_to_numpy(layer.address(part)) > 0
            per_vector.append(used.sum(axis=1))
            ever |= used.any(axis=0)
        counts = np.concatenate(per_vector)
        row = {"run": "/".join(folder.parts[-4:]), "sharpness": sharpness, "vectors": len(vectors)}
        row |= {"items": layer.items, "median": float(np.median(counts))}
        rows.append(row | {"largest": int(counts.max()), "ever_used": int(ever.sum())})
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Count each run's items and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory_items", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--data", help="folder of the dataset, if not where the runs found it")
    given = parser.parse_args()
    runtime.configure("tensorflow", 1)
    runtime.load_backend()
    rows = [row for run in given.runs for row in count_items(run, given.data)]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(OUTPUT, index=False)


if __name__ == "__main__":
    main()
