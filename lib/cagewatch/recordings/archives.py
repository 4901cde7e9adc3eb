"""Where the datasets are published: addresses, published checksums, and bounds on their size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cagewatch.recordings import mit_sample


class Archive(NamedTuple):
    """One file to fetch.

    Attributes
    ----------
    url : where it is.
    sha256 : None where none is published.
    file : its name here.
    holds : the folder that unpacking brings, or the file itself where `check` is given.
    max_bytes : a longer answer is not taken; well above what the file has by its kind.
    check : for a file that is used as it is, not unpacked: InputError unless it is the right one.
    """

    url: str
    sha256: str | None
    file: str
    holds: str
    max_bytes: int
    check: Callable[[Path], object] | None = None


_GB = 10**9
_RAW = "https://raw.githubusercontent.com"
_AVENUE = "http://www.cse.cuhk.edu.hk/leojia/projects/detectabnormal"
_UCSD = (
    Archive(
        "http://www.svcl.ucsd.edu/projects/anomaly/UCSD_Anomaly_Dataset.tar.gz",
        "2329af326951f5097fdd114c50e853957d3e569493a49d22fc082a9fd791915b",
        "UCSD_Anomaly_Dataset.tar.gz",
        "UCSD_Anomaly_Dataset.v1p2",
        4 * _GB,
    ),
)
# The lab's own links to the home-cage database are dead; these are the ones its users pass on.
ARCHIVES: dict[str, tuple[Archive, ...]] = {
    "ped1": _UCSD,
    "ped2": _UCSD,
    "avenue": (
        Archive(
            f"{_AVENUE}/Avenue_Dataset.zip",
            "fc9cb8432a11ca79c18aa180c72524011411b69d3b0ff27c8816e41c0de61531",
            "Avenue_Dataset.zip",
            "Avenue Dataset",
            4 * _GB,
        ),
        Archive(
            f"{_AVENUE}/ground_truth_demo.zip",
            "60fec1728ec8f73a58aad3aeb5729d70a805a47e0b8eb4bf91ab67ef06386d77",
            "ground_truth_demo.zip",
            "ground_truth_demo",
            _GB,
        ),
    ),
    "mit": (
        Archive(
            "https://www.dropbox.com/s/1vo4jcdbslgsfzb/full_database.zip?dl=1",
            None,
            "full_database.zip",
            "full_database",
            40 * _GB,
        ),
    ),
    "mit_clips": (
        Archive(
            "https://www.dropbox.com/s/8scxzzao1d55j7q/clipped_database.zip?dl=1",
            None,
            "clipped_database.zip",
            "clipped_database",
            20 * _GB,
        ),
    ),
    "mit_sample": (
        Archive(
            f"{_RAW}/Shashankwer/VideoAnalytics/a746bafc90a841215671942aa229fc812271f774/"
            "predicted_new.avi",
            mit_sample.VIDEO_SHA256,
            mit_sample.VIDEO,
            mit_sample.VIDEO,
            mit_sample.VIDEO_BYTES,
            mit_sample.check_video,
        ),
        Archive(
            f"{_RAW}/michael3abc/Mice_Tracking_Project/f2cdfde5c54df51a21db9458e5c4c73d03697cab/"
            "data_prediction/dataset/behaviors/mice2.txt",
            None,
            mit_sample.LABELS,
            mit_sample.LABELS,
            10**6,
            mit_sample.check_labels,
        ),
    ),
}
