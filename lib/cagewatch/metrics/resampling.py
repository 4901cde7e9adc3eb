"""Resampling whole blocks of frames, and the AUC of every resample without sorting again.

Neighbouring frames are nearly copies of each other, so resampling frames would give intervals far
too narrow. Whole blocks are resampled instead (Kuensch, Annals of Statistics 17, 1989).

The AUC is the share of (anomalous, normal) pairs of frames in the right order, the fact DeLong's
variance rests on (DeLong et al., Biometrics 44, 1988). So one matrix W, W[i, j] the pairs won by
anomalous frames of block i against normal frames of block j, holds all there is to know: a
resample that takes block i c[i] times has AUC c'Wc / (positives x negatives), exactly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from cagewatch.metrics.inputs import check_flags, check_score, recording_codes
from cagewatch.metrics.roc import Protocol, scale_per_recording

MIN_RECORDINGS = 10  # fewer than this and bouts are resampled instead
MIN_RECORDINGS_PER_CLASS = 5
MAX_BLOCK = 900  # frames; 30 s at 30 frames per second
RANKS_AT_ONCE = 2048  # bounds the memory of `win_matrix`


class Blocks(NamedTuple):
    """What is resampled: the block of each frame, (n,) int64 from 0 upwards, and what it is."""

    code: np.ndarray
    unit: str


def choose_blocks(
    recording: np.ndarray | None,
    anomalous: np.ndarray,
    label: np.ndarray | None = None,
    max_block: int = MAX_BLOCK,
) -> Blocks:
    """Choose the blocks to resample: recordings if there are enough, else bouts.

    Recordings are the honest unit, being truly independent, but need at least 10 of them, 5 with
    anomalous and 5 with normal frames. Otherwise a block is a run of one label (of one behaviour if
    `label` is given, else of `anomalous`) within a recording, and a run longer than `max_block`
    frames is cut into equal parts no longer than that.
    """
    flags = check_flags(anomalous, len(anomalous))
    codes = recording_codes(recording, len(flags))
    n_recordings = len(np.unique(codes))
    per_class = [len(np.unique(codes[flags])), len(np.unique(codes[~flags]))]
    if n_recordings >= MIN_RECORDINGS and min(per_class) >= MIN_RECORDINGS_PER_CLASS:
        return Blocks(codes, "recordings")
    kind = flags.astype(np.int64)
    if label is not None:
        kind += 2 * pd.factorize(np.asarray(label), use_na_sentinel=False)[0]
    return Blocks(_cut_runs(codes, kind, max_block), "bouts")


def _cut_runs(codes: np.ndarray, kind: np.ndarray, max_block: int) -> np.ndarray:
    """Number the runs of equal `kind` within a recording, long ones cut into equal parts."""
    if not len(codes):
        return np.empty(0, np.int64)
    starts = np.flatnonzero(np.r_[True, (np.diff(codes) != 0) | (np.diff(kind) != 0)])
    lengths = np.diff(np.r_[starts, len(codes)])
    parts = -(-lengths // max_block)
    within = np.arange(len(codes)) - np.repeat(starts, lengths)
    part = within * np.repeat(parts, lengths) // np.repeat(lengths, lengths)
    return np.repeat(np.cumsum(parts) - parts, lengths) + part


def win_matrix(score: np.ndarray, anomalous: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Count, for each two blocks, the pairs of frames that the scores put in the right order.

    Returns
    -------
    wins : (n_blocks, n_blocks) float64; [i, j] is the number of pairs of an anomalous frame of
        block i and a normal frame of block j where the anomalous one scores higher, ties counting
        half.
    """
    score = check_score(score)
    anomalous = check_flags(anomalous, len(score))
    n_blocks = int(block.max()) + 1 if len(block) else 0
    rank = np.unique(score, return_inverse=True)[1]
    n_ranks = int(rank.max()) + 1 if len(rank) else 0
    shape = (n_ranks, n_blocks)
    ones = np.ones(len(score))
    high, low = (
        sparse.csr_array((ones[of], (rank[of], block[of])), shape=shape)
        for of in (anomalous, ~anomalous)
    )
    wins = np.zeros((n_blocks, n_blocks))
    below = np.zeros(n_blocks)  # normal frames of each block ranked below the present chunk
    for start in range(0, n_ranks, RANKS_AT_ONCE):
        here = low[start : start + RANKS_AT_ONCE].toarray()
        up_to = below + np.cumsum(here, axis=0)
        below = up_to[-1].copy()
        wins += high[start : start + RANKS_AT_ONCE].T @ (up_to - here / 2)
    return wins


def resample_counts(n_blocks: int, n_samples: int, seed: int = 0) -> np.ndarray:
    """Draw how often each block is taken, (n_samples, n_blocks) float64; each row sums to n_blocks.

    The same seed and number of blocks give the same draws, which is what pairs two models.
    """
    draws = np.random.default_rng(seed).multinomial(
        n_blocks, np.full(n_blocks, 1 / n_blocks), size=n_samples
    )
    return draws.astype(np.float64)


def resample_auc(
    score: np.ndarray,
    anomalous: np.ndarray,
    recording: np.ndarray | None,
    blocks: Blocks,
    counts: np.ndarray,
    protocol: Protocol = "pooled",
) -> np.ndarray:
    """Compute the AUC of every resample, (n_samples,) float64; NaN where one class was not drawn.

    Scaling per recording is done once, before resampling. For 'macro' a recording's weight is how
    often it was drawn (blocks are recordings), or each recording's AUC is resampled over its own
    bouts and the mean taken (blocks are bouts).
    """
    score = check_score(score)
    anomalous = check_flags(anomalous, len(score))
    codes = recording_codes(recording, len(score))
    if protocol == "per_video_scaled":
        score = scale_per_recording(score, codes)
    if protocol != "macro":
        return _auc_of_counts(score, anomalous, blocks.code, counts)
    n_recordings = int(codes[-1]) + 1
    own = np.full((len(counts), n_recordings), np.nan)
    weight = np.ones_like(own)
    for code in range(n_recordings):
        of = codes == code
        members, local = np.unique(blocks.code[of], return_inverse=True)
        own[:, code] = _auc_of_counts(score[of], anomalous[of], local, counts[:, members])
        if blocks.unit == "recordings":
            weight[:, code] = counts[:, members[0]]
    defined = np.isfinite(own)
    total = np.sum(np.where(defined, own * weight, 0), axis=1)
    return _divide(total, np.sum(np.where(defined, weight, 0), axis=1))


def _auc_of_counts(
    score: np.ndarray, anomalous: np.ndarray, block: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    wins = win_matrix(score, anomalous, block)
    positives = counts @ np.bincount(block[anomalous], minlength=counts.shape[1])
    negatives = counts @ np.bincount(block[~anomalous], minlength=counts.shape[1])
    return _divide(np.sum((counts @ wins) * counts, axis=1), positives * negatives)


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    nothing = np.full(len(numerator), np.nan)
    return np.divide(numerator, denominator, out=nothing, where=denominator > 0)
