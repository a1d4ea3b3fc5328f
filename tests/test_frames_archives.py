"""Zip archives come as one line for each JSON member, whatever state they are in."""

import json
import re
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from tachlog.frames import FrameError, archives, read_archive

if sys.version_info >= (3, 14):
    import zipfile
else:
    from backports.zstd import zipfile

METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_ZSTANDARD]
MEMBERS = {"start.json": b'{"a":\r\n1}', "notes.txt": b"-", "samples/1.json": b'{"b": 2}'}


def written(path: Path, method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> Path:
    """An archive with some members."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in (members or MEMBERS).items():
            archive.writestr(name, data)
    return path


def up_to_error(path: Path) -> tuple[list[bytes], FrameError | None]:
    """The lines of an archive, and the error that ends them if there is one."""
    found: list[bytes] = []
    try:
        for chunk in read_archive(str(path)):
            found.append(chunk.data)
    except FrameError as error:
        return found, error
    return found, None


def lines(path: Path, *beside: str) -> list[Any]:
    """The documents of an archive's lines."""
    return [json.loads(chunk.data) for chunk in read_archive(str(path), beside)]


@pytest.mark.parametrize("method", METHODS)
def test_each_json_member_is_a_line(tmp_path: Path, method: int) -> None:
    """Members that are JSON come in their order, with those beside them that stand before."""
    path = written(tmp_path / "a.eval", method)
    assert lines(path, "start.*") == [
        {"member": "start.json", "document": {"a": 1}, "beside": []},
        {"member": "samples/1.json", "document": {"b": 2}, "beside": [{"a": 1}]},
    ]
    first, second = read_archive(str(path))
    assert (first.offset, second.offset) == (0, len(first.data))
    assert first.last
    assert second.last
    assert first.data.endswith(b"}\n")


@pytest.mark.parametrize("method", METHODS)
def test_an_archive_that_was_cut_short_gives_what_stands_before(
    tmp_path: Path, method: int
) -> None:
    """Wherever an archive is cut, members before the cut come, and then an error."""
    whole = written(tmp_path / "a.eval", method).read_bytes()
    first = whole.index(archives.ZIP, 1)
    path = tmp_path / "cut.eval"
    seen = set()
    for end in range(0, len(whole) - 1, 5):
        path.write_bytes(whole[:end])
        cut, error = up_to_error(path)
        found = [json.loads(line)["member"] for line in cut]
        assert "cut short" in str(error)
        assert found == ["start.json", "samples/1.json"][: len(found)]
        assert bool(found) == (end >= first)
        seen.add(len(found))
    assert seen == {0, 1, 2}


def test_a_damaged_member_is_put_as_it_is(tmp_path: Path) -> None:
    """A member whose content does not fit its checksum costs its own line only."""
    path = written(tmp_path / "a.eval", zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b'{"b": 2}', b'{"b": 3}', 1))
    first, second = read_archive(str(path))
    assert json.loads(first.data)["document"] == {"a": 1}
    assert b'"document":damaged: ' in second.data


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_ZSTANDARD, 12])
def test_a_damaged_member_of_a_cut_archive_is_put_as_it_is(tmp_path: Path, method: int) -> None:
    """What cannot be unpacked, or not by us, is a damaged line."""
    name = b"a.json"
    head = struct.pack("<4s5H3I2H", archives.ZIP, 20, 0, method, 0, 0, 0, 4, 9, len(name), 0)
    path = tmp_path / "a.eval"
    path.write_bytes(head + name + b"\xff\xff\xff\xff")
    (line,), error = up_to_error(path)
    assert error is not None
    assert re.match(rb'{"member":"a.json","document":(damaged: |packed in an unknown way)', line)


def test_an_empty_member_is_null(tmp_path: Path) -> None:
    """A member without content is a document all the same."""
    path = written(tmp_path / "a.eval", **{"a.json": b""})
    assert lines(path) == [{"member": "a.json", "document": None, "beside": []}]


def test_a_member_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What unpacks to more than the limit is refused before it is unpacked, whole or cut short."""
    monkeypatch.setattr(archives, "DOCUMENT_BYTES", 100)
    path = written(tmp_path / "a.eval", **{"a.json": b'"' + b"x" * 200 + b'"'})
    with pytest.raises(FrameError, match="more than 100 bytes"):
        list(read_archive(str(path)))
    path.write_bytes(path.read_bytes()[:-5])
    assert up_to_error(path)[0] == []


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members that together unpack to a thousand times the archive end it with a clear message."""
    monkeypatch.setattr(archives, "FREE_BYTES", 100)
    monkeypatch.setattr(archives, "MOST_RATIO", 50)
    path = written(tmp_path / "a.eval", **{f"{n}.json": b'"%065536d"' % n for n in range(9)})
    found, error = up_to_error(path)
    assert "unpacks to more than 50 times its size" in str(error)
    assert len(found) < 9


def test_a_bomb_in_a_cut_archive_is_unpacked_up_to_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member whose header lies about its size is cut where members may be no longer."""
    monkeypatch.setattr(archives, "DOCUMENT_BYTES", 100)
    whole = written(tmp_path / "a.eval", zipfile.ZIP_ZSTANDARD, **{"a.json": b"1" * 4096})
    data = bytearray(whole.read_bytes()[:-5])
    data[22:26] = struct.pack("<I", 9)
    path = tmp_path / "cut.eval"
    path.write_bytes(data)
    (line,), _ = up_to_error(path)
    assert line.count(b"1") == 100


def test_no_archive_is_said_to_be_none(tmp_path: Path) -> None:
    """A file of another kind, or none, gives nothing and says why."""
    path = tmp_path / "a.eval"
    path.write_bytes(b"PK\x03\x04 is not enough")
    with pytest.raises(FrameError, match="no zip archive"):
        list(read_archive(str(path)))
    with pytest.raises(FrameError, match="is not there"):
        list(read_archive(str(tmp_path / "b.eval")))
