"""Fetch a dataset from its official address, check it, and unpack it safely.

``python -m cagewatch.recordings.download ped2 data/`` does it from the command line. A broken
download goes on where it stopped when started again. Beside each archive a small json says where
it came from and which SHA-256 it had; for the home-cage database, which has no published
checksum, that record is all there is, and a later download must match it.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shutil
import sys
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

import pooch
from tqdm.auto import tqdm

from cagewatch.errors import InputError
from cagewatch.files import read_json, write_json
from cagewatch.recordings.extract import extract_archive

CHUNK = 1 << 20
TIMEOUT_S = 60


class Archive(NamedTuple):
    """One file to fetch, `sha256` None where none is published, `holds` the folder it brings."""

    url: str
    sha256: str | None
    file: str
    holds: str


_AVENUE = "http://www.cse.cuhk.edu.hk/leojia/projects/detectabnormal"
_UCSD = (
    Archive(
        "http://www.svcl.ucsd.edu/projects/anomaly/UCSD_Anomaly_Dataset.tar.gz",
        "2329af326951f5097fdd114c50e853957d3e569493a49d22fc082a9fd791915b",
        "UCSD_Anomaly_Dataset.tar.gz",
        "UCSD_Anomaly_Dataset.v1p2",
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
        ),
        Archive(
            f"{_AVENUE}/ground_truth_demo.zip",
            "60fec1728ec8f73a58aad3aeb5729d70a805a47e0b8eb4bf91ab67ef06386d77",
            "ground_truth_demo.zip",
            "ground_truth_demo",
        ),
    ),
    "mit": (
        Archive(
            "https://www.dropbox.com/s/1vo4jcdbslgsfzb/full_database.zip?dl=1",
            None,
            "full_database.zip",
            "full_database",
        ),
    ),
    "mit_clips": (
        Archive(
            "https://www.dropbox.com/s/8scxzzao1d55j7q/clipped_database.zip?dl=1",
            None,
            "clipped_database.zip",
            "clipped_database",
        ),
    ),
}


def download(dataset: str, data_dir: Path, progress: bool = True) -> list[Path]:
    """Fetch, check and unpack a dataset; what is there already is left as it is.

    Parameters
    ----------
    dataset : 'ped1', 'ped2' (one archive), 'avenue', 'mit' or 'mit_clips'.
    data_dir : folder the data go into; made if need be. It then serves as the parameter `data_dir`.

    Returns
    -------
    folders : what the archives brought, such as ``data_dir/UCSD_Anomaly_Dataset.v1p2``.

    Raises
    ------
    InputError
        If the dataset is unknown, the server cannot be reached or breaks off (start again to go
        on), the checksum differs, or the archive is damaged or unsafe. Nothing is then unpacked.
    """
    if dataset not in ARCHIVES:
        raise InputError(f"Unknown dataset {dataset!r}: choose one of {', '.join(ARCHIVES)}.")
    data_dir = Path(data_dir)
    folders = []
    for archive in ARCHIVES[dataset]:
        folder = data_dir / archive.holds
        if not folder.is_dir():
            path = fetch(archive, data_dir / "archives", progress)
            extract_archive(path, data_dir, holds=archive.holds)
        folders.append(folder)
    return folders


def fetch(archive: Archive, folder: Path, progress: bool = True) -> Path:
    """Download one archive into `folder`, check it, record its SHA-256 and return its path."""
    path, record = folder / archive.file, folder / f"{archive.file}.json"
    seen = None
    if archive.sha256 is None and record.is_file():
        seen = dict(read_json(record)).get("sha256")
    known = archive.sha256 or seen
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(
            archive.url,
            known_hash=f"sha256:{known}" if known else None,
            fname=archive.file,
            path=folder,
            downloader=_Resume(path.with_name(f"{archive.file}.part"), progress),
        )
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{archive.url} gave a file whose SHA-256 is not the "
            f"{'published' if archive.sha256 else 'recorded'} {known}; it was deleted, try again"
            f"{'' if archive.sha256 else f' after removing {record}'}."
        ) from error
    except OSError as error:
        raise InputError(f"Cannot write to {folder}: {error.strerror or error}.") from error
    found = known or pooch.file_hash(str(path), alg="sha256")
    if archive.sha256 is None and seen is None:
        print(f"{archive.file}: no checksum is published; recorded SHA-256 {found} in {record}.")
    write_json(
        record,
        {
            "url": archive.url,
            "sha256": found,
            "sha256_is_published": archive.sha256 is not None,
            "bytes": path.stat().st_size,
            "recorded": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        },
    )
    return path


class _Resume:
    """A pooch downloader that keeps what it got in a ``.part`` file and goes on from there.

    It is a class as pooch calls ``downloader(url, output_file, pooch)`` with nothing of our own.
    """

    def __init__(self, part: Path, progress: bool) -> None:
        self.part, self.progress = part, progress

    def __call__(self, url: str, output_file: str, _: object) -> None:
        validator = self.part.with_name(f"{self.part.name}.tag")
        start = self.part.stat().st_size if self.part.is_file() and validator.is_file() else 0
        request = urllib.request.Request(url, headers={"User-Agent": "cagewatch"})
        if start:
            # If-Range: the rest of the same file, or all of a newer one.
            request.add_header("Range", f"bytes={start}-")
            request.add_header("If-Range", validator.read_text(encoding="utf-8"))
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                resumed = answer.status == 206 and answer.headers.get(
                    "Content-Range", ""
                ).startswith(f"bytes {start}-")
                start = start if resumed else 0
                tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
                if tag and not tag.startswith("W/"):
                    validator.write_text(tag, encoding="utf-8")
                else:
                    validator.unlink(missing_ok=True)
                length = answer.headers.get("Content-Length")
                total = start + int(length) if length and length.isdecimal() else None
                self._receive(answer, start, total)
        except urllib.error.HTTPError as error:
            if error.code == 416:
                self._discard(validator)
            raise InputError(
                f"{url} answered {error.code} {error.reason}; try again later, or get the file "
                f"by hand and put it at {self.part.with_suffix('')}."
            ) from error
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", None) or error
            raise InputError(
                f"{url} cannot be fetched ({reason}); run the same command again to go on, or "
                f"get the file by hand and put it at {self.part.with_suffix('')}."
            ) from error
        got = self.part.stat().st_size
        if total is not None and got != total:
            raise InputError(
                f"{url} broke off after {got} of {total} bytes; run the same command again to "
                "go on."
            )
        os.replace(self.part, output_file)
        validator.unlink(missing_ok=True)

    def _receive(self, answer, start: int, total: int | None) -> None:
        bar = tqdm(
            total=total,
            initial=start,
            unit="B",
            unit_scale=True,
            desc=self.part.stem,
            disable=not self.progress,
        )
        with bar, self.part.open("ab" if start else "wb") as file:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))

    def _discard(self, validator: Path) -> None:
        """What is in the part file does not fit what the server has now."""
        self.part.unlink(missing_ok=True)
        validator.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """Command line: ``python -m cagewatch.recordings.download <dataset> <folder>``."""
    parser = argparse.ArgumentParser(
        prog="python -m cagewatch.recordings.download",
        description="Fetch a dataset from its official address and unpack it.",
    )
    parser.add_argument("dataset", choices=sorted(ARCHIVES))
    parser.add_argument("data_dir", type=Path, help="folder the data go into")
    given = parser.parse_args(arguments)
    try:
        folders = download(given.dataset, given.data_dir)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    free = shutil.disk_usage(given.data_dir).free / 1e9
    print(f"{', '.join(map(str, folders))} ready; {free:.0f} GB left on this disk.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
