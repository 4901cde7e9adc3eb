"""Downloads against a server on loopback, and archives that mean harm."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cagewatch.cli import app
from cagewatch.errors import InputError
from cagewatch.recordings import download as module
from cagewatch.recordings import mit_sample
from cagewatch.recordings.download import Archive, download
from cagewatch.recordings.extract import extract_archive

NOISE = np.random.default_rng(0).bytes(3_000_000)


def zip_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(members: dict[str, bytes | tarfile.TarInfo], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                archive.addfile(content)
                continue
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


class Server:
    """A web server on loopback that can break off, ignore ranges, and remembers the requests."""

    def __init__(self) -> None:
        self.content = b""
        self.break_after: int | None = None
        self.honours_ranges = True
        self.says_its_length = True
        self.status = 200
        self.tag: str | None = '"one"'
        self.ranges: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                server.ranges.append(wanted)
                if server.status != 200:
                    self.send_error(server.status)
                    return
                start = 0
                same = self.headers.get("If-Range") in (None, server.tag)
                if wanted and server.honours_ranges and same:
                    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                    self.send_response(206)
                    last = len(server.content) - 1
                    self.send_header("Content-Range", f"bytes {start}-{last}/{last + 1}")
                else:
                    self.send_response(200)
                if server.says_its_length:
                    self.send_header("Content-Length", str(len(server.content) - start))
                if server.tag:
                    self.send_header("ETag", server.tag)
                self.end_headers()
                body = server.content[start:]
                self.wfile.write(body if server.break_after is None else body[: server.break_after])

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/data"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    server.content = zip_of({"full_database/a.mpg": NOISE, "full_database/b/c.txt": b"labels"})
    yield server
    server.close()


@pytest.fixture
def serve(server, monkeypatch):
    """Make the dataset 'mit' come from the server, with or without its published checksum."""

    def serve(published: bool = False, file: str = "full.zip") -> Server:
        sha256 = hashlib.sha256(server.content).hexdigest() if published else None
        archive = Archive(server.url, sha256, file, "full_database", 10_000_000)
        monkeypatch.setitem(module.ARCHIVES, "mit", (archive,))
        return server

    return serve


def everything_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("published", [True, False])
def test_a_good_download_is_unpacked_and_recorded(serve, tmp_path, capsys, published):
    server = serve(published)
    (folder,) = download("mit", tmp_path, progress=False)
    assert folder == tmp_path / "full_database"
    assert (folder / "a.mpg").read_bytes() == NOISE
    assert (folder / "b" / "c.txt").read_text() == "labels"
    assert everything_below(tmp_path) == {
        "full_database/a.mpg",
        "full_database/b/c.txt",
        "archives/full.zip",
        "archives/full.zip.json",
    }
    record = json.loads((tmp_path / "archives" / "full.zip.json").read_text())
    assert record["sha256"] == hashlib.sha256(server.content).hexdigest()
    assert record["sha256_is_published"] is published and record["url"] == server.url
    assert ("no checksum is published" in capsys.readouterr().out) is not published
    # What is there is not fetched again.
    assert download("mit", tmp_path, progress=False) == [folder] and len(server.ranges) == 1


def test_a_tar_is_unpacked_too(server, serve, tmp_path):
    server.content = tar_of({"./full_database/a.mpg": NOISE})
    serve(file="full.tar.gz")
    (folder,) = download("mit", tmp_path, progress=False)
    assert (folder / "a.mpg").read_bytes() == NOISE


@pytest.mark.parametrize("members", [{"Full DB/a.mpg": NOISE}, {"a.mpg": NOISE}])
def test_a_differently_named_top_folder_does_no_harm(server, serve, tmp_path, members):
    server.content = zip_of(members)
    serve()
    (folder,) = download("mit", tmp_path, progress=False)
    assert everything_below(folder) == {"a.mpg"}


def test_a_wrong_checksum_leaves_nothing(server, serve, tmp_path):
    serve(published=True)
    server.content = zip_of({"full_database/a.mpg": b"other"})
    with pytest.raises(InputError, match="SHA-256 is not the published"):
        download("mit", tmp_path, progress=False)
    assert everything_below(tmp_path) == set()


def test_without_a_published_checksum_a_changed_archive_is_noticed(server, serve, tmp_path):
    serve()
    (folder,) = download("mit", tmp_path, progress=False)
    folder.rename(tmp_path / "moved")
    (tmp_path / "archives" / "full.zip").unlink()
    server.content = zip_of({"full_database/a.mpg": b"other"})
    with pytest.raises(InputError, match="SHA-256 is not the recorded"):
        download("mit", tmp_path, progress=False)
    assert not folder.exists()


@pytest.mark.parametrize("published", [True, False])
def test_a_broken_download_goes_on_where_it_stopped(server, serve, tmp_path, published):
    serve(published)
    server.break_after = 1_000_000
    for _ in range(2):
        with pytest.raises(InputError, match="again to go on"):
            download("mit", tmp_path, progress=False)
    assert not (tmp_path / "full_database").exists()
    server.break_after = None
    (folder,) = download("mit", tmp_path, progress=False)
    assert (folder / "a.mpg").read_bytes() == NOISE
    assert server.ranges[0] is None
    starts = [int(wanted.removeprefix("bytes=").removesuffix("-")) for wanted in server.ranges[1:]]
    assert starts[0] > 0 and starts[1] > starts[0]


@pytest.mark.parametrize("reason", ["no ranges", "newer file", "no tag"])
def test_a_download_that_cannot_go_on_starts_afresh(server, serve, tmp_path, reason):
    serve()
    server.break_after = 1_000_000
    server.tag = None if reason == "no tag" else server.tag
    with pytest.raises(InputError, match="again to go on"):
        download("mit", tmp_path, progress=False)
    server.break_after = None
    if reason == "no ranges":
        server.honours_ranges = False
    if reason == "newer file":
        server.tag = '"two"'
        server.content = zip_of({"full_database/a.mpg": NOISE[::-1]})
    (folder,) = download("mit", tmp_path, progress=False)
    expected = NOISE[::-1] if reason == "newer file" else NOISE
    assert (folder / "a.mpg").read_bytes() == expected
    assert (server.ranges[1] is None) is (reason == "no tag")


def test_an_answer_that_is_no_file_is_told(server, serve, tmp_path):
    serve()
    server.status = 404
    with pytest.raises(InputError, match="answered 404.*put it at .*full.zip"):
        download("mit", tmp_path, progress=False)
    server.close()
    with pytest.raises(InputError, match="cannot be fetched"):
        download("mit", tmp_path, progress=False)
    assert everything_below(tmp_path) == set()


def test_an_archive_put_there_by_hand_is_taken(server, serve, tmp_path):
    serve(published=True)
    (tmp_path / "archives").mkdir()
    (tmp_path / "archives" / "full.zip").write_bytes(server.content)
    server.status = 404
    (folder,) = download("mit", tmp_path, progress=False)
    assert (folder / "a.mpg").read_bytes() == NOISE and not server.ranges


def test_the_command_line(server, serve, tmp_path):
    serve()
    done = CliRunner().invoke(app, ["download", "mit", str(tmp_path)])
    assert done.exit_code == 0 and done.stdout.strip().endswith("full_database")
    server.status = 500
    done = CliRunner().invoke(app, ["download", "mit", str(tmp_path / "other")])
    assert done.exit_code == 1 and "answered 500" in done.stderr
    with pytest.raises(InputError, match="Unknown dataset"):
        download("ped3", tmp_path)


def test_the_official_addresses_and_published_checksums():
    archives = {archive for several in module.ARCHIVES.values() for archive in several}
    assert {len(archive.sha256) for archive in archives if archive.sha256} == {64}
    assert {archive.file for archive in archives if archive.sha256 is None} == {
        "full_database.zip",
        "clipped_database.zip",
        "mice2.txt",
    }
    assert all(0 < archive.max_bytes <= 40 * 10**9 for archive in archives)


@pytest.mark.parametrize("says_its_length", [True, False])
def test_more_than_the_archive_can_have_is_not_taken(
    server, monkeypatch, tmp_path, says_its_length
):
    server.says_its_length = says_its_length
    archive = Archive(server.url, None, "full.zip", "full_database", 2_000_000)
    monkeypatch.setitem(module.ARCHIVES, "mit", (archive,))
    with pytest.raises(InputError, match="gives more than 2000000 bytes"):
        download("mit", tmp_path, progress=False)
    assert everything_below(tmp_path) == set()


# Files that are used as they are


@pytest.fixture
def sample(server, monkeypatch):
    """The real sample's labels, cut to what the counts are of, come from the server."""
    bouts = [(name, count) for name, count in mit_sample.COUNTS.items()]
    edges = np.cumsum([0, *(count for _, count in bouts)])
    server.content = "".join(
        f"frame: {start + 1:08d}-{stop:08d} {name}\n"
        for (name, _), start, stop in zip(bouts, edges, edges[1:], strict=False)
    ).encode()
    _, labels = module.ARCHIVES["mit_sample"]
    monkeypatch.setitem(module.ARCHIVES, "mit_sample", (labels._replace(url=server.url),))
    return server


def test_a_file_is_checked_by_its_content_and_put_in_its_place(sample, tmp_path):
    (path,) = download("mit_sample", tmp_path, progress=False)
    assert path == tmp_path / "mice2.txt" and path.read_bytes() == sample.content
    assert everything_below(tmp_path) == {"mice2.txt", "archives/mice2.txt.json"}
    assert download("mit_sample", tmp_path, progress=False) == [path] and len(sample.ranges) == 1


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"groom", b"drink", "other labels than this dataset's"),
        (b"frame: 00000001", b"frame: 00000002", "a gap"),
    ],
)
def test_a_file_of_other_content_leaves_nothing(sample, tmp_path, old, new, says):
    sample.content = sample.content.replace(old, new)
    with pytest.raises(InputError, match=says):
        download("mit_sample", tmp_path, progress=False)
    assert everything_below(tmp_path) == set()


def test_a_wrong_file_in_its_place_is_not_overwritten(sample, tmp_path):
    (tmp_path / "mice2.txt").write_bytes(sample.content[:100])
    with pytest.raises(InputError, match="move it away"):
        download("mit_sample", tmp_path, progress=False)
    assert (tmp_path / "mice2.txt").read_bytes() == sample.content[:100] and not sample.ranges


# Archives that mean harm


def link(kind: bytes, target: str = "/etc/passwd") -> tarfile.TarInfo:
    entry = tarfile.TarInfo()
    entry.type, entry.linkname = kind, target
    return entry


def zip_link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("full_database/link")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


EVIL = {
    "zip up": zip_of({"full_database/ok": b"1", "full_database/../../evil": b"1"}),
    "zip absolute": zip_of({"full_database/ok": b"1", "/evil": b"1"}),
    "zip backslash": zip_of({"full_database/ok": b"1", "..\\evil": b"1"}),
    "zip drive": zip_of({"full_database/ok": b"1", "C:/evil": b"1"}),
    "zip link": zip_link(),
    "zip bomb": zip_of({"full_database/ok": b"1", "full_database/bomb": bytes(50_000_000)}),
    "tar up": tar_of({"full_database/ok": b"1", "../evil": b"1"}),
    "tar absolute": tar_of({"full_database/ok": b"1", "/tmp/evil": b"1"}),
    "tar symlink": tar_of({"full_database/ok": b"1", "full_database/x": link(tarfile.SYMTYPE)}),
    "tar hard link": tar_of({"full_database/ok": b"1", "full_database/x": link(tarfile.LNKTYPE)}),
    "tar device": tar_of({"full_database/ok": b"1", "full_database/x": link(tarfile.CHRTYPE)}),
    "tar pipe": tar_of({"full_database/ok": b"1", "full_database/x": link(tarfile.FIFOTYPE)}),
    "tar bomb": tar_of({"full_database/ok": b"1", "full_database/bomb": bytes(50_000_000)}),
}


@pytest.mark.parametrize("name", EVIL)
def test_evil_archives_are_refused_before_anything_is_written(tmp_path, name):
    (tmp_path / "here").mkdir()
    path = tmp_path / "archive"
    path.write_bytes(EVIL[name])
    with pytest.raises(InputError, match="not safe to unpack"):
        extract_archive(path, tmp_path / "here" / "data", "full_database")
    assert everything_below(tmp_path) == {"archive"}
    assert not (tmp_path / "here" / "data").exists()


def test_too_many_members_are_refused(tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(tar_of({f"full_database/{number}": b"" for number in range(20)}))
    with pytest.raises(InputError, match="more than 10 members"):
        extract_archive(path, tmp_path / "data", "full_database", max_members=10)


def test_a_zip_that_lies_about_its_sizes_is_stopped(tmp_path):
    """The list says 1 byte each; the bound must hold for what really comes out."""
    data = bytearray(zip_of({"full_database/a": bytes(5_000_000)}))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 1)
    path = tmp_path / "archive"
    path.write_bytes(data)
    with pytest.raises(InputError):
        extract_archive(path, tmp_path / "data", "full_database", max_bytes=1000)
    assert everything_below(tmp_path) == {"archive"}


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("keep", [0, 10, 500_000])
def test_damaged_archives_leave_nothing(tmp_path, kind, keep):
    members = {"full_database/a": NOISE, "full_database/b": NOISE}
    path = tmp_path / "archive"
    path.write_bytes((zip_of(members) if kind == "zip" else tar_of(members))[:keep])
    with pytest.raises(InputError, match="is damaged"):
        extract_archive(path, tmp_path / "data", "full_database")
    assert everything_below(tmp_path) == {"archive"}


def test_a_flipped_byte_inside_a_zip_leaves_nothing(tmp_path):
    data = bytearray(zip_of({"full_database/a": NOISE}))
    data[1_000_000] ^= 255
    path = tmp_path / "archive"
    path.write_bytes(data)
    with pytest.raises(InputError, match="is damaged"):
        extract_archive(path, tmp_path / "data", "full_database")
    assert everything_below(tmp_path) == {"archive"}


def test_what_is_there_already_is_not_overwritten(tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(zip_of({"full_database/a": b"new"}))
    (tmp_path / "full_database").mkdir()
    (tmp_path / "full_database" / "a").write_text("mine")
    with pytest.raises(InputError, match="there already"):
        extract_archive(path, tmp_path, "full_database")
    assert (tmp_path / "full_database" / "a").read_text() == "mine"
