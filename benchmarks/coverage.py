"""How often intervals cover the truth, by simulation: ``python -m benchmarks.coverage``.

Recordings hold bouts of the target and of other behaviour; a bout is one draw, since its frames are
nearly copies. Scores of normal bouts are N(0, 1), those of the target N(shift + spread x Z, 1) with
one standard normal Z per recording, so the AUC of all recordings there could be is known:
Phi(shift / sqrt(2 + spread^2 + seeds^2)). A second detector shares half of the variance of bouts
and of recordings with the first. The jackknife is what `cagewatch.metrics` uses; the bootstraps are
what is often used instead.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from cagewatch import metrics

SPREADS = (0.0, 0.5, 1.0)  # SD of the target's shift between recordings
SHIFTS = (1.5, 1.0)  # of the two detectors
NORMAL_BOUTS = 20  # of a recording; those of the target are 4 to 16


def simulate(
    spread: float,
    n_recordings: int = 12,
    n_runs: int = 2000,
    seed: int = 0,
    shifts: tuple[float, float] = SHIFTS,
    n_seeds: int = 1,
    seed_spread: float = 0.0,
    n_resamples: int = 0,
) -> dict[str, float]:
    """Count how often nominal 95 % intervals cover the truth, as shares of `n_runs`.

    Parameters
    ----------
    spread : float
        Between recordings, in SDs of a bout.
    n_seeds, seed_spread : int, float
        Training seeds of each detector, and the SD of their own shift.
    n_resamples : int
        Of the bootstraps over bouts, over recordings, and over recordings and then bouts within
        them; 0 leaves them out.
    """
    generator = np.random.default_rng(seed)
    truth = [stats.norm.cdf(s / np.sqrt(2 + spread**2 + seed_spread**2)) for s in shifts]
    covered: dict[str, list[bool]] = {}
    for _ in range(n_runs):
        a, b, flags, recording = _draw(
            generator, spread, n_recordings, shifts, n_seeds, seed_spread
        )
        found = metrics.auc_interval(a, flags, recording)
        pair = {"a": a, "b": b}
        difference = metrics.compare_rows(pair, flags, recording, protocols=["pooled"]).iloc[0]
        intervals = {"jackknife, auc": (found.low, found.high, truth[0])}
        intervals["jackknife, difference"] = (
            difference["low"],
            difference["high"],
            truth[0] - truth[1],
        )
        if n_resamples:
            for name, draws in _bootstrap(generator, a[0], flags, recording, n_resamples).items():
                intervals[name] = (*np.nanquantile(draws, [0.025, 0.975]), truth[0])
        for name, (low, high, value) in intervals.items():
            covered.setdefault(name, []).append(low <= value <= high)
    return {name: float(np.mean(values)) for name, values in covered.items()}


def _draw(
    generator: np.random.Generator,
    spread: float,
    n_recordings: int,
    shifts: tuple[float, float],
    n_seeds: int,
    seed_spread: float,
) -> tuple[np.ndarray, ...]:
    """Scores of two detectors, (n_seeds, n_bouts) each, flags and recordings, one value a bout."""
    targets = generator.integers(4, 17, n_recordings)
    recording = np.repeat(np.arange(n_recordings), targets + NORMAL_BOUTS)
    first = np.cumsum(targets + NORMAL_BOUTS) - targets - NORMAL_BOUTS
    flags = np.arange(len(recording)) - first[recording] < targets[recording]

    def share(*shape: int) -> np.ndarray:
        common, own = generator.normal(size=shape), generator.normal(size=(2, *shape))
        return (common + own) / np.sqrt(2)

    bouts = share(len(recording))
    whole = spread * share(n_recordings)[:, recording]
    rows = []
    for bout, recordings, shift in zip(bouts, whole, shifts, strict=True):
        seeds = shift + seed_spread * generator.normal(size=(n_seeds, 1))
        rows.append(bout + flags * (recordings + seeds))
    return *rows, flags, recording


def _bootstrap(
    generator: np.random.Generator,
    score: np.ndarray,
    flags: np.ndarray,
    recording: np.ndarray,
    n_resamples: int,
) -> dict[str, np.ndarray]:
    """AUCs of resamples of bouts, of recordings, and of recordings with bouts within them."""
    wins = (score[flags][:, None] > score[~flags]).astype(float)
    n_recordings = recording[-1] + 1
    chosen = generator.multinomial(
        n_recordings, np.full(n_recordings, 1 / n_recordings), n_resamples
    )[:, recording]
    bouts = generator.poisson(1, (n_resamples, len(recording)))
    counts = {"bouts": bouts, "recordings": chosen, "recordings, then bouts": chosen * bouts}
    found = {}
    for name, count in counts.items():
        high, low = count[:, flags].astype(float), count[:, ~flags].astype(float)
        pairs = high.sum(axis=1) * low.sum(axis=1)
        right = np.sum((high @ wins) * low, axis=1)
        found[f"bootstrap of {name}"] = np.divide(
            right, pairs, out=np.full(n_resamples, np.nan), where=pairs > 0
        )
    return found


def main() -> None:
    """Print the tables of docs/intervals.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--runs", type=int, default=4000, help="simulated tests per row")
    parser.add_argument("--resamples", type=int, default=400, help="of the bootstraps")
    given = parser.parse_args()
    settings: list[dict[str, Any]] = [{"n_recordings": number} for number in (12, 4)]
    settings += [{"n_recordings": 12, "shifts": (3.0, 2.5)}]
    rows = []
    for setting in settings:
        for spread in SPREADS:
            found = simulate(spread, n_runs=given.runs, n_resamples=given.resamples, **setting)
            rows.append(setting | {"spread": spread} | found)
    seeds = []
    for n_seeds, seed_spread in ((2, 0.3), (3, 0.3), (5, 0.3), (3, 0.0)):
        about = {"n_seeds": n_seeds, "seed_spread": seed_spread}
        seeds.append(about | simulate(0.5, n_runs=given.runs, **about))
    for table in (rows, seeds):
        print(pd.DataFrame(table).round(3).to_markdown(index=False), end="\n\n")


if __name__ == "__main__":
    main()
