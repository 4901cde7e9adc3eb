"""Results of ablations: which open points move the AUC by more than another seed does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cagewatch.errors import InputError
from cagewatch.files import read_json
from cagewatch.plots import name_model
from cagewatch.study.ablations.variations import FOLDER, in_words, network_of, read_variations
from cagewatch.study.artefacts.parameters import Given

PROTOCOLS = {"pooled": "pooled", "per_video_scaled": "scaled per recording"}


def collect_variations(given: Given, question: str) -> pd.DataFrame:
    """The AUCs of a question's network as it is, and of each variation of it that was run.

    One row per target, seed and variation: target, seed, variation ('' for it as it is), the frame
    AUC by the protocols `PROTOCOLS`, and made_with, the backend and device of its training. Only
    targets that a variation was run for.
    InputError if no variation was run, or the network itself was not.
    """
    rows = []
    for variation, changed in {"": {}, **read_variations(question)}.items():
        folder = Path(given.results_dir, *(FOLDER, variation) if variation else ())
        values = given.values and {**given.values, **changed}
        own = {"results_dir": str(folder), "values": values}
        runs = given.model_copy(update=own).runs()
        for run in runs[runs["model"] == network_of(question)].itertuples():
            found = read_json(run.folder / "metrics.json")["protocols"]
            aucs = {name: found[name]["auc"] for name in PROTOCOLS}
            made = read_json(run.folder / "provenance.json")
            key = {"target": run.target, "seed": run.seed, "variation": variation}
            made_with = " on ".join(filter(None, [made.get("backend"), made.get("device")]))
            rows.append(key | aucs | {"made_with": made_with})
    table = pd.DataFrame(rows, columns=["target", "seed", "variation", *PROTOCOLS, "made_with"])
    varied = table["variation"] != ""
    table = table[table["target"].isin(table.loc[varied, "target"])]
    if set(table["variation"]) <= {""} or "" not in set(table["variation"]):
        command = given.command.replace("make study", "make ablations")
        raise InputError(
            f"There is no finished run of the ablation {question!r} on {given.dataset}: run "
            f"{command} MODELS={network_of(question)}."
        )
    return table.reset_index(drop=True)


def compare_variations(scores: pd.DataFrame, protocol: str = "pooled") -> pd.DataFrame:
    """Each variation's AUC less the plain one's of the same seed, beside what a seed changes.

    One row per target and variation: target, variation, auc (mean over its seeds), difference (mean
    over the seeds both have, paired), least, most (range of the differences), spread (range over
    all seeds of the plain AUC; NaN for one seed), seeds (that both have), moves: True if every
    difference has the same sign and their mean is larger than the spread; None for one seed.
    """
    rows = []
    for target, group in scores.groupby("target", sort=False):
        plain = group[group["variation"] == ""].set_index("seed")[protocol]
        spread = float(plain.max() - plain.min()) if len(plain) > 1 else np.nan
        varied = group[group["variation"] != ""]
        for variation, own in varied.groupby("variation", sort=False):
            auc = own.set_index("seed")[protocol]
            difference = (auc - plain).dropna()
            one_sign = bool((difference > 0).all() or (difference < 0).all())
            moves = one_sign and bool(abs(difference.mean()) > spread)
            rows.append(
                {
                    "target": target,
                    "variation": variation,
                    "auc": auc.mean(),
                    "difference": difference.mean(),
                    "least": difference.min(),
                    "most": difference.max(),
                    "spread": spread,
                    "seeds": len(difference),
                    "moves": moves if min(len(plain), len(difference)) > 1 else None,
                }
            )
    return pd.DataFrame(rows)


def write_variations(given: Given, question: str, scores: pd.DataFrame) -> pd.DataFrame:
    """Write the table ``ablation_<question>`` and return it as people read it."""
    compared = compare_by_protocol(scores)
    places = judge_variations(compared)
    table = pd.DataFrame({"target": places.index.get_level_values("target")})
    table["changed"] = [in_words(question, name) for _, name in places.index]
    table["seeds"] = compared["pooled"]["seeds"].to_numpy()
    for name, words in PROTOCOLS.items():
        found = compared[name].reset_index()
        table[f"AUC, {words}"] = found["auc"]
        table[f"difference, {words}"] = found["difference"].map("{:+.3f}".format)
        table[f"seed spread, {words}"] = found["spread"]
        table[f"more than a seed, {words}"] = found["moves"].map({True: "yes", False: "no"})
    table["shown to matter"] = places.replace({"not alike": "no"}).to_numpy()
    caption = f"Ablation, {question}: {name_model(network_of(question))} on {given.dataset}"
    protocol = (
        "frame AUC, mean over seeds; each row changes one thing; difference from the unchanged "
        "model or score with the same seed; seed spread: largest less smallest AUC of all seeds of "
        "the unchanged one; more than a seed: every seed's difference has the same sign and their "
        "mean exceeds the spread; shown to matter: more than a seed by both protocols, in one "
        f"direction; scale {given.settings().scale}{_made_differently(question, scores)}"
    )
    given.write(table, f"ablation_{question}", caption, protocol)
    return table


def show_variations(given: Given, question: str, scores: pd.DataFrame) -> Figure:
    """Draw what each variation changes, a panel a target; written as ``ablation_<question>``."""
    table = compare_variations(scores)
    targets = list(table["target"].unique())
    height = 1.2 + 0.36 * table["variation"].nunique()
    size = 2.2 + 3.4 * len(targets), height
    figure, axes = plt.subplots(
        1, len(targets), figsize=size, sharey=True, squeeze=False, layout="constrained"
    )
    for ax, target in zip(axes[0], targets, strict=True):
        own = table[table["target"] == target]
        places = np.arange(len(own))
        if np.isfinite(spread := own["spread"].iloc[0]):
            ax.axvspan(-spread, spread, color="0.88", zorder=0, label="what another seed changes")
            ax.hlines(places, own["least"], own["most"], color="0.3", linewidth=2)
        ax.plot(own["difference"], places, "o", color="#0072B2")
        ax.axvline(0, color="0.4", linewidth=0.8)
        ax.locator_params(axis="x", nbins=5)
        ax.set_yticks(places, [in_words(question, name) for name in own["variation"]])
        ax.set(title=target, xlabel="change of the pooled AUC", ylim=(len(own) - 0.5, -0.5))
    if parts := axes[0, 0].get_legend_handles_labels()[0]:
        figure.legend(handles=parts, loc="outside upper center", frameon=False)
    caption = (
        f"Ablation, {question}: change of the frame AUC, pooled only, when one thing is changed, "
        f"{name_model(network_of(question))} on {given.dataset}; dots: mean over seeds, lines: "
        "their range"
    )
    return given.save(figure, f"ablation_{question}", caption)


def compare_by_protocol(scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """`compare_variations` by each of `PROTOCOLS`, each with (target, variation) as its index."""
    places = ["target", "variation"]
    return {name: compare_variations(scores, name).set_index(places) for name in PROTOCOLS}


def judge_variations(compared: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Whether each variation is shown to matter: 'yes', 'no', 'not alike' or 'one seed'.

    'yes' if it moves the AUC by more than a seed does by every protocol, in the same direction;
    'not alike' if it does so by some only, or in opposite directions. By (target, variation), of
    `compare_by_protocol`.
    """
    moves = pd.DataFrame({name: table["moves"] for name, table in compared.items()})
    signs = pd.DataFrame({name: np.sign(one["difference"]) for name, one in compared.items()})
    words = pd.Series("no", index=moves.index)
    words[moves.eq(True).any(axis=1)] = "not alike"
    words[moves.eq(True).all(axis=1) & (signs.nunique(axis=1) == 1)] = "yes"
    words[moves.isna().any(axis=1)] = "one seed"
    return words


def describe_variations(question: str, scores: pd.DataFrame) -> str:
    """Markdown: which choices move the AUC by more than a seed does, by every protocol alike."""
    compared = compare_by_protocol(scores)
    told: dict[str, list[str]] = {}
    for (target, variation), word in judge_variations(compared).items():
        rows = (table.loc[(target, variation)] for table in compared.values())
        changes = [f"{row['difference']:+.3f}" for row in rows]
        told.setdefault(word, []).append(
            f"{in_words(question, variation)} ({target}, {', '.join(changes)})"
        )
    lead = f"Choices that move the AUC by more than a seed does ({', '.join(PROTOCOLS.values())})"
    lines = [f"- {lead}: {'; '.join(told.get('yes', ['none']))}."]
    for word, reason in (
        ("not alike", "By one protocol only, or in opposite directions, so not shown"),
        ("one seed", "One seed only, so nothing can be said"),
    ):
        if word in told:
            lines.append(f"- {reason}: {'; '.join(told[word])}.")
    return "\n".join(lines)


def _made_differently(question: str, scores: pd.DataFrame) -> str:
    """Words on variations trained with another backend or on another device than what is changed.

    Of the seeds that both have; '' if there is none, or nothing was trained anew.
    """
    words = []
    if "made_with" not in scores:
        return ""
    for (_, variation), own in scores.groupby(["target", "variation"], sort=False):
        plain = scores[(scores["variation"] == "") & scores["seed"].isin(own["seed"])]
        here, there = (sorted(set(one["made_with"])) for one in (own, plain))
        if variation and here != there:
            name = in_words(question, variation)
            words.append(f"; {name}: {', '.join(here)}, the unchanged one: {', '.join(there)}")
    return "".join(words)
