"""Section 2.3: how many clips there are to train, validate and test on, beside the paper's."""

from __future__ import annotations

import pandas as pd

from cagewatch.clips import index_test_clips, index_training_clips, split_clips
from cagewatch.errors import InputError
from cagewatch.study.artefacts.parameters import Given

STATED = {
    "hang": {"train": 9577, "validation": 2395, "test": 6989},
    "groom": {"train": 7312, "validation": 1828, "test": 6989},
}


def write_counts(given: Given) -> pd.DataFrame:
    """Count the clips of each target as the study's runs cut them, and write the table.

    One row per target and use ('train', 'validation', 'test'): ``Target``, ``Clips``, ``Ours``,
    ``Paper``, ``Used`` (fewer than ours where the scale caps the training clips; the cap is applied
    before the split).
    """
    rows = []
    for target, stated in STATED.items():
        settings = given.settings(target)
        recordings, stores = given.prepare(settings)
        train, test = ([one for one in recordings if one.split == s] for s in ("train", "test"))
        try:
            tested = len(index_test_clips(test, stores, settings))
        except InputError:  # the tested part lacks this target; there is nothing to test on
            tested = 0
        counts = []
        for cap in (None, settings.max_train_clips):
            capped = settings.model_copy(update={"max_train_clips": cap})
            parts = split_clips(index_training_clips(train, stores, capped), settings)
            counts.append([*map(len, parts), tested])
        ours, used = counts
        rows += zip([target] * 3, stated, ours, stated.values(), used, strict=True)
    table = pd.DataFrame(rows, columns=["Target", "Clips", "Ours", "Paper", "Used"])
    caption = f"Section 2.3: numbers of clips, {given.dataset}"
    given.write(table, "section_2_3_clips", caption)
    return table


def describe_counts(given: Given, counts: pd.DataFrame) -> str:
    """Markdown: do they agree, how they are split, and why they differ where they do."""
    table = counts.pivot(index="Target", columns="Clips", values="Ours").loc[list(STATED)]
    share = table["validation"] / (table["train"] + table["validation"])
    lines = [
        f"- {row.Index}: {row.train} clips to train on, {row.validation} to validate on "
        f"({share[row.Index]:.1%} of them; the paper 20.0%), {row.test} to test on."
        for row in table.itertuples()
    ]
    if (counts["Used"] != counts["Ours"]).any():
        scale = given.settings().scale
        lines.append(f"- At scale {scale} only part of the training clips is used: see *Used*.")
    if (counts["Ours"] == counts["Paper"]).all():
        lines.append("\nThey are the paper's.")
    elif given.is_simulated:
        lines.append("\nThey differ from the paper's because these recordings are simulated.")
    else:
        lines.append(
            "\nThey differ from the paper's: it names neither its recordings nor how a clip that "
            "would span removed frames was treated."
        )
    return "\n".join(lines)
