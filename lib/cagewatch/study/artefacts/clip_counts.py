"""Section 2.3: how many clips there are to train, validate and test on, beside the paper's."""

from __future__ import annotations

import pandas as pd

from cagewatch.clips import index_test_clips, index_training_clips, split_clips
from cagewatch.errors import InputError
from cagewatch.recordings import load_recordings
from cagewatch.store import stores_of
from cagewatch.study.artefacts.parameters import Given, figures_folder, is_simulated, settings_of
from cagewatch.study.tables import write_table

STATED = {
    "hang": {"train": 9577, "validation": 2395, "test": 6989},
    "groom": {"train": 7312, "validation": 1828, "test": 6989},
}


def count_clips(given: Given) -> pd.DataFrame:
    """Count the clips of each target as the study's runs cut them.

    Returns
    -------
    counts : one row per target and use ('train', 'validation', 'test'): ``Target``, ``Clips``,
        ``Ours``, ``Paper``, ``Used`` (fewer than ours where the scale caps the training clips; the
        cap is applied before the split).
    """
    rows = []
    for target, stated in STATED.items():
        settings = settings_of(given, target)
        recordings = load_recordings(settings)
        stores = stores_of(recordings, settings, max(1, given.cores))
        train = [item for item in recordings if item.split == "train"]
        counts, used = {}, {}
        for kind, cap in ((counts, None), (used, settings.max_train_clips)):
            clips = index_training_clips(
                train, stores, settings.model_copy(update={"max_train_clips": cap})
            )
            parts = split_clips(clips, settings)
            kind |= dict(zip(("train", "validation"), map(len, parts), strict=True))
        test = [item for item in recordings if item.split == "test"]
        try:
            counts["test"] = used["test"] = len(index_test_clips(test, stores, settings))
        except InputError:  # the tested part lacks this target; there is nothing to test on
            counts["test"] = used["test"] = 0
        rows += [(target, use, counts[use], stated[use], used[use]) for use in stated]
    return pd.DataFrame(rows, columns=["Target", "Clips", "Ours", "Paper", "Used"])


def write_counts(given: Given, counts: pd.DataFrame) -> pd.DataFrame:
    """Write the table and return it."""
    caption = f"Section 2.3: numbers of clips, {given.dataset}"
    folder = figures_folder(given)
    write_table(counts, folder, "section_2_3_clips", caption, simulated=is_simulated(given))
    return counts


def describe_counts(given: Given, counts: pd.DataFrame) -> str:
    """Markdown: do they agree, how they are split, and why they differ where they do."""
    table = counts.set_index(["Target", "Clips"])
    lines = []
    for target in STATED:
        ours = table.loc[target, "Ours"]
        share = ours["validation"] / (ours["train"] + ours["validation"])
        lines.append(
            f"- {target}: {ours['train']} clips to train on, {ours['validation']} to validate on "
            f"({share:.1%} of them; the paper 20.0%), {ours['test']} to test on."
        )
    if (counts["Used"] != counts["Ours"]).any():
        scale = settings_of(given).scale
        lines.append(f"- At scale {scale} only part of the training clips is used: see *Used*.")
    if (counts["Ours"] == counts["Paper"]).all():
        lines.append("\nThey are the paper's.")
    elif is_simulated(given):
        lines.append("\nThey differ from the paper's because these recordings are simulated.")
    else:
        lines.append(
            "\nThey differ from the paper's: it names neither its recordings nor how a clip that "
            "would span removed frames was treated."
        )
    return "\n".join(lines)
