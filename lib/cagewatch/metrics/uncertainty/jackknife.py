"""The jackknife: what an AUC becomes when one recording is left out, and how sure that makes it.

Neighbouring frames are nearly copies of each other, and recordings differ as a whole (another
animal, another light), so neither frames nor bouts are independent. The recording is. Leaving out
one recording at a time gives the variance of the AUC (Obuchowski, Biometrics 53, 1997, for data in
clusters), and Student's t with the number of recordings minus 1 makes up for their small number.
A bootstrap over bouts, or over few recordings, is too narrow; `docs/intervals.md` has the numbers.

Training seeds add the variance of their mean; the degrees of freedom of the sum are those of Welch
and Satterthwaite (Satterthwaite, Biometrics Bulletin 2, 1946).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from cagewatch.metrics.inputs import check_flags, check_score, number_runs, recording_codes
from cagewatch.metrics.roc import Protocol, frame_auc, scale_per_recording

MIN_PER_CLASS = 2  # recordings with anomalous, and with normal, frames; with fewer bouts stand in
MAX_BLOCK = 900  # frames of a bout that count as one; 30 s at 30 frames per second


class Blocks(NamedTuple):
    """What is left out at a time.

    `code` is the block of each frame, (n_frames,) int64 from 0 upwards, `unit` either 'recordings'
    or 'bouts', and the counts say how many blocks there are, and how many hold each class.
    """

    code: np.ndarray
    unit: str
    count: int
    anomalous: int
    normal: int


class Estimate(NamedTuple):
    """An AUC of one detector on some frames, by training seed and with each block left out.

    Attributes
    ----------
    seeds : (n_seeds,) float64, the AUC of every seed on all frames.
    left_out : (n_blocks,) float64, the mean over seeds without one block; NaN where a class is then
        missing.
    reason : why there is no AUC, if there is none.
    """

    seeds: np.ndarray
    left_out: np.ndarray
    reason: str | None


def choose_blocks(
    anomalous: np.ndarray,
    recording: np.ndarray | None = None,
    label: np.ndarray | None = None,
    max_block: int = MAX_BLOCK,
) -> Blocks:
    """Choose what is left out at a time: recordings, or bouts where there is only one of them.

    Parameters
    ----------
    anomalous : ndarray of bool, shape (n_frames,)
    recording : ndarray, shape (n_frames,), optional
        Ids; the frames of a recording together, in order.
    label : ndarray, shape (n_frames,), optional
        Behaviour of each frame; cuts bouts finer.
    max_block : int
        A run of one behaviour longer than this many frames is cut into equal parts.

    Returns
    -------
    blocks : Blocks
        Recordings if at least two hold anomalous and two hold normal frames. Otherwise runs of one
        behaviour within a recording, which do not tell how another recording would differ.
    """
    flags = check_flags(anomalous, len(anomalous))
    code, unit = recording_codes(recording, len(flags)), "recordings"
    if min(len(np.unique(code[of])) for of in (flags, ~flags)) < MIN_PER_CLASS:
        kind = flags.astype(np.int64)
        if label is not None:
            kind += 2 * pd.factorize(np.asarray(label), use_na_sentinel=False)[0]
        code, unit = number_runs(code, kind, max_block), "bouts"
    count = int(code[-1]) + 1 if len(code) else 0
    return Blocks(code, unit, count, len(np.unique(code[flags])), len(np.unique(code[~flags])))


def leave_one_out(score: np.ndarray, anomalous: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Compute the AUC without each block, sorting only once.

    Parameters
    ----------
    score : ndarray of float, shape (n_frames,)
    anomalous : ndarray of bool, shape (n_frames,)
    block : ndarray of int64, shape (n_frames,)
        From 0 upwards, a block's frames together.

    Returns
    -------
    auc : ndarray of float64, shape (n_blocks,)
        NaN where one class is missing.

    Notes
    -----
    The AUC counts the pairs of an anomalous and a normal frame in the right order. Without a block
    those pairs are missing that have one frame in it; pairs with both in it are taken off twice, so
    they are added once.
    """
    score = check_score(score)
    flags = check_flags(anomalous, len(score))
    n_blocks = int(block[-1]) + 1 if len(block) else 0
    right = _count_right_pairs(score, flags)
    touching = np.bincount(block, right, n_blocks)
    inside = np.zeros(n_blocks)
    edges = np.searchsorted(block, np.arange(n_blocks + 1))
    for number, (start, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        own = flags[start:stop]
        if own.any() and not own.all():
            inside[number] = _count_right_pairs(score[start:stop], own)[own].sum()
    positives = flags.sum() - np.bincount(block, flags, n_blocks)
    negatives = (~flags).sum() - np.bincount(block, ~flags, n_blocks)
    pairs = positives * negatives
    nothing = np.full(n_blocks, np.nan)
    return np.divide(right[flags].sum() - touching + inside, pairs, out=nothing, where=pairs > 0)


def _count_right_pairs(score: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """Count for each frame the frames of the other class it is in order with; a tie is a half."""
    right = np.empty(len(score))
    for of, sign in ((flags, 1.0), (~flags, -1.0)):
        others = np.sort(sign * score[~of])
        mine = sign * score[of]
        ends = [np.searchsorted(others, mine, side) for side in ("left", "right")]
        right[of] = (ends[0] + ends[1]) / 2
    return right


def estimate_auc(
    scores: np.ndarray,
    anomalous: np.ndarray,
    recording: np.ndarray | None,
    blocks: Blocks,
    protocol: Protocol = "pooled",
) -> Estimate:
    """Compute an AUC with each block left out; scaling per recording is done once, before.

    Parameters
    ----------
    scores : ndarray of float, shape (n_frames,) or (n_seeds, n_frames)
    anomalous, recording : ndarray, shape (n_frames,)
    blocks : Blocks
    protocol : {'pooled', 'per_video_scaled', 'macro'}
    """
    flags = check_flags(anomalous, len(anomalous))
    codes = recording_codes(recording, len(flags))
    rows = np.atleast_2d(np.asarray(scores))
    found = [frame_auc(row, flags, codes, protocol) for row in rows]
    seeds, reason = np.array([auc.value for auc in found]), found[0].reason
    if reason:
        return Estimate(seeds, np.full(blocks.count, np.nan), reason)
    if protocol == "per_video_scaled":
        rows = [scale_per_recording(row, codes) for row in rows]
    if protocol == "macro":
        left_out = [_leave_one_out_macro(row, flags, blocks.code, codes) for row in rows]
    else:
        left_out = [leave_one_out(row, flags, blocks.code) for row in rows]
    return Estimate(seeds, np.mean(left_out, axis=0), None)


def _leave_one_out_macro(
    score: np.ndarray, flags: np.ndarray, block: np.ndarray, codes: np.ndarray
) -> np.ndarray:
    """The mean of the recordings' own AUCs without each block; NaN in recordings without one."""
    own, parts = [], []
    for code in np.unique(codes):
        of = codes == code
        own.append(frame_auc(score[of], flags[of]).value)
        parts.append(leave_one_out(score[of], flags[of], block[of] - block[of][0]))
    own = np.array(own)
    n_covered = np.isfinite(own).sum()
    # Without a recording, or a class of it, the mean is over the others.
    others = np.divide(np.nansum(own) - own, n_covered - 1) if n_covered > 1 else own * np.nan
    means = [
        np.where(np.isfinite(part), (np.nansum(own) - auc + part) / max(n_covered, 1), rest)
        for auc, part, rest in zip(own, parts, others, strict=True)
    ]
    return np.concatenate(means)


def jackknife_variance(left_out: np.ndarray) -> np.ndarray:
    """Compute the jackknife's variance over the first axis; what is NaN is left out."""
    n = np.sum(np.isfinite(left_out), axis=0)
    spread = np.nansum((left_out - np.nanmean(left_out, axis=0)) ** 2, axis=0)
    return (n - 1) / n * spread


def add_seeds(
    variance: np.ndarray, df: float, seeds: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Add the variance of each mean over seeds, and combine the degrees of freedom.

    `variance` is over blocks, with `df` degrees of freedom. Each of `seeds` is (n_seeds, ...), of
    one detector; one seed alone has no variance and adds none. `df` of the sum is after Welch and
    Satterthwaite, at least 1 and never above what the terms together have.
    """
    terms = [(np.asarray(variance, float), df)]
    terms += [(np.var(of, axis=0, ddof=1) / len(of), len(of) - 1) for of in seeds if len(of) > 1]
    total = sum(term for term, _ in terms)
    below = sum(term**2 / freedom for term, freedom in terms)
    together = np.divide(total**2, below, out=np.full(np.shape(total), float(df)), where=below > 0)
    return total, together
