"""Fetch a dataset from its official address, check it, and unpack it safely.

``cagewatch download ped2 data/`` does it from the command line. A broken
download goes on where it stopped when started again. Beside each archive a small json says where
it came from and which SHA-256 it had; for the home-cage database, which has no published
checksum, that record is all there is, and a later download must match it.
"""

from __future__ import annotations

import datetime
import os
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

import pooch
from tqdm.auto import tqdm

from cagewatch.errors import InputError
from cagewatch.files import read_json, write_json
from cagewatch.recordings.archives import ARCHIVES, Archive
from cagewatch.recordings.extract import extract_archive

CHUNK = 1 << 20
TIMEOUT_S = 60


def download(dataset: str, data_dir: Path, progress: bool = True) -> list[Path]:
    """Fetch, check and unpack a dataset into `data_dir`; what is there already is left as it is.

    'ped1', 'ped2' (one archive), 'avenue', 'mit', 'mit_clips' or 'mit_sample'. What came is given
    back, such as ``data_dir/UCSD_Anomaly_Dataset.v1p2``. InputError if the dataset is unknown, the
    server cannot be reached or breaks off (start again to go on), more comes than the file can
    have, the checksum or content differs, or the archive is damaged or unsafe. Nothing is then
    unpacked.
    """
    if dataset not in ARCHIVES:
        raise InputError(f"Unknown dataset {dataset!r}: choose one of {', '.join(ARCHIVES)}.")
    data_dir = Path(data_dir)
    places = []
    for archive in ARCHIVES[dataset]:
        place = data_dir / archive.holds
        if archive.check is not None:
            _fetch_file(archive, place, progress)
        elif not place.is_dir():
            path = fetch(archive, data_dir / "archives", progress)
            extract_archive(path, data_dir, holds=archive.holds)
        places.append(place)
    return places


def _fetch_file(archive: Archive, place: Path, progress: bool) -> None:
    """Fetch a file that is used as it is; it appears once its content is known to be right."""
    if place.exists():
        try:
            archive.check(place)
        except InputError as error:
            raise InputError(
                f"{place} is there already and is not the file that belongs here, or cut short; "
                "move it away and run again."
            ) from error
        return
    path = fetch(archive, place.parent / "archives", progress)
    try:
        archive.check(path)
    except InputError:
        path.unlink()
        path.with_name(f"{path.name}.json").unlink()
        raise
    os.replace(path, place)


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
            downloader=lambda url, output, _: _go_on(
                url, Path(output), folder / f"{archive.file}.part", archive.max_bytes, progress
            ),
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


def _go_on(url: str, output: Path, part: Path, max_bytes: int, progress: bool) -> None:
    """Download to `part`, from where an earlier download broke off, and rename it to `output`."""
    tag_file = part.with_name(f"{part.name}.tag")
    by_hand = f"get the file by hand and put it at {part.with_suffix('')}"
    got = part.stat().st_size if part.is_file() and tag_file.is_file() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "cagewatch"})
    if got:
        # If-Range: the rest of the same file, or all of a newer one.
        request.add_header("Range", f"bytes={got}-")
        request.add_header("If-Range", tag_file.read_text(encoding="utf-8"))
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            served = answer.headers.get("Content-Range", "") if answer.status == 206 else ""
            got = got if served.startswith(f"bytes {got}-") else 0
            tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
            if tag and not tag.startswith("W/"):
                tag_file.write_text(tag, encoding="utf-8")
            else:
                tag_file.unlink(missing_ok=True)
            length = answer.headers.get("Content-Length") or ""
            total = got + int(length) if length.isdecimal() else None
            mode = "ab" if got else "wb"
            look = {"unit": "B", "unit_scale": True, "desc": part.stem, "disable": not progress}
            with tqdm(total=total, initial=got, **look) as bar, part.open(mode) as file:
                while max(got, total or 0) <= max_bytes and (chunk := answer.read(CHUNK)):
                    file.write(chunk)
                    got += len(chunk)
                    bar.update(len(chunk))
    except urllib.error.HTTPError as error:
        if error.code == 416:  # what is in the part file does not fit what the server has now
            part.unlink(missing_ok=True)
            tag_file.unlink(missing_ok=True)
        raise InputError(
            f"{url} answered {error.code} {error.reason}; try again later, or {by_hand}."
        ) from error
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"{url} cannot be fetched ({reason}); run the same command again to go on, or "
            f"{by_hand}."
        ) from error
    if max(got, total or 0) > max_bytes:
        part.unlink()
        tag_file.unlink(missing_ok=True)
        raise InputError(
            f"{url} gives more than {max_bytes} bytes, which is not the file expected; nothing was "
            f"kept. If you trust it, {by_hand}."
        )
    if total is not None and got != total:
        raise InputError(
            f"{url} broke off after {got} of {total} bytes; run the same command again to go on."
        )
    os.replace(part, output)
    tag_file.unlink(missing_ok=True)
