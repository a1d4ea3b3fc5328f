"""Files in whatever state are handed over whole, in order and in bounded memory."""

import gzip
import itertools
import os
import pickle
import sqlite3
import sys
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog.frames import (
    FrameError,
    head,
    identify,
    looks_binary,
    read_document,
    read_indented,
    read_lines,
    same_file,
    split_tail,
)
from tachlog.model import Chunk

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LINES = b'{"a": 1}\n\n{"b": "\xc3\xa9"}\r\n{"c": 3}\n'
PACKERS: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, zstd.compress]
packed = pytest.mark.parametrize("pack", PACKERS, ids=["plain", "gzip", "zstd"])


def put(directory: Path, data: bytes, name: str = "log.jsonl") -> str:
    """Write a file and return its path."""
    path = directory / name
    path.write_bytes(data)
    return str(path)


def content(chunks: Iterable[Chunk]) -> bytes:
    """Return the data of chunks, which must follow on each other and end with the only last one."""
    listed = list(chunks)
    for chunk, following in itertools.pairwise(listed):
        assert chunk.offset + len(chunk.data) == following.offset
        assert chunk.data.endswith(b"\n")
    assert [chunk.last for chunk in listed] == [False] * (len(listed) - 1) + [True] * bool(listed)
    assert all(chunk.data for chunk in listed)
    return b"".join(chunk.data for chunk in listed)


def until_fault(chunks: Iterable[Chunk]) -> tuple[bytes, FrameError]:
    """Return what was handed over before reading failed, and the failure."""
    data = []
    try:
        for chunk in chunks:
            data.append(chunk.data)
    except FrameError as fault:
        return b"".join(data), fault
    pytest.fail("reading did not fail")


# Lines


@packed
@pytest.mark.parametrize("chunk_bytes", [1, 5, 9, 1 << 18])
def test_lines_are_whole(tmp_path: Path, pack: Callable[[bytes], bytes], chunk_bytes: int) -> None:
    """Each chunk holds whole lines whatever its size, with blank lines and CRLF as they stand."""
    chunks = list(read_lines(put(tmp_path, pack(LINES)), chunk_bytes=chunk_bytes))
    assert content(chunks) == LINES
    assert all(chunk.data.endswith(b"\n") for chunk in chunks)


@packed
def test_last_line_without_newline_stands_alone(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    """What may be half a record comes in a chunk of its own that says it is the last."""
    path = put(tmp_path, pack(LINES + b'{"d": '))
    *_, whole, torn = read_lines(path)
    assert whole == Chunk(path, 0, LINES, last=False)
    assert torn == Chunk(path, len(LINES), b'{"d": ', last=True)


@packed
def test_empty_file_has_no_chunks(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """An empty file is no error and gives nothing, nor does one read to its end already."""
    assert list(read_lines(put(tmp_path, pack(b"")))) == []
    path = put(tmp_path, pack(LINES))
    assert list(read_lines(path, len(LINES))) == []
    assert list(read_lines(path, len(LINES) + 10)) == []


@packed
def test_reading_cut_at_every_byte_resumes(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """A file read while it held n bytes and again when whole gives the same lines for every n."""
    for size in range(len(LINES) + 1):
        path = put(tmp_path, pack(LINES[:size]))
        lines, tail = split_tail(content(read_lines(path, chunk_bytes=7)))
        assert lines + tail == LINES[:size]
        put(tmp_path, pack(LINES))
        assert lines + content(read_lines(path, len(lines), chunk_bytes=7)) == LINES


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([b"ab", b"\n", b"\r\n", b"\0"])).map(b"".join),
    st.integers(1, 50),
    st.integers(0, 310),
    st.sampled_from(PACKERS),
)
def test_any_bytes_come_back(
    data: bytes, chunk_bytes: int, start: int, pack: Callable[[bytes], bytes]
) -> None:
    """Any bytes, read in chunks of any size from anywhere, come back as they are."""
    data = b"#" + data  # so that it begins neither as UTF-16 nor as something compressed
    with TemporaryDirectory() as directory:
        path = put(Path(directory), pack(data))
        assert content(read_lines(path, start, chunk_bytes=chunk_bytes)) == data[start:]


@given(st.lists(st.binary(max_size=9)), st.integers(1, 40), st.data())
def test_any_resume_points_lose_nothing(lines: list[bytes], size: int, data: st.DataObject) -> None:
    """Stopping after any chunks and going on behind them gives the content once."""
    whole = b"#" + b"\n".join(lines)
    with TemporaryDirectory() as directory:
        path = put(Path(directory), whole)
        taken = b""
        while len(taken) < len(whole):
            chunks = read_lines(path, len(taken), chunk_bytes=size)
            count = data.draw(st.integers(1, 4))
            taken += b"".join(chunk.data for chunk in itertools.islice(chunks, count))
    assert taken == whole


@pytest.mark.parametrize("length", [8_000_000, 8_000_001])
@packed
def test_long_line_is_one_chunk(
    tmp_path: Path, pack: Callable[[bytes], bytes], length: int
) -> None:
    """A line many times the chunk's size is handed over whole, held little more than once."""
    line = b"x" * length + b"\n"
    path = put(tmp_path, pack(LINES + line + LINES))
    del line
    chunks = read_lines(path, chunk_bytes=1 << 16)
    assert next(chunks).data == LINES
    next(read_lines(path), None)  # imports of the decompressor are not the line's memory
    tracemalloc.start()
    try:
        long = next(chunks)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert long == Chunk(path, len(LINES), b"x" * length + b"\n" + LINES, last=True)
    assert peak < 1.3 * length + (1 << 20)
    assert list(chunks) == []


def test_endless_line_is_refused(tmp_path: Path) -> None:
    """A line longer than memory should hold ends the reading, after the lines before it."""
    path = put(tmp_path, LINES + b"x" * 1000)
    data, fault = until_fault(read_lines(path, chunk_bytes=100, longest=500))
    assert data == LINES
    assert "line of more than 500 bytes at byte 32" in fault.what


def test_growing_file_is_read_as_it_was_opened(tmp_path: Path) -> None:
    """What is appended while a file is read is left for the next time."""
    path = put(tmp_path, b"1234567\n" * 8)
    chunks = read_lines(path, chunk_bytes=8)
    first = next(chunks)
    with open(path, "ab") as file:
        file.write(b"8901234\n")
    assert content([first, *chunks]) == b"1234567\n" * 8
    assert content(read_lines(path, 64)) == b"8901234\n"


def test_shrinking_file_ends_where_it_ends(tmp_path: Path) -> None:
    """A file cut short while it is read gives what is left of it, without an error."""
    path = put(tmp_path, b"1234567\n" * 8)
    chunks = read_lines(path, chunk_bytes=8)
    first = next(chunks)
    os.truncate(path, 28)
    assert content([first, *chunks]) == b"1234567\n" * 3 + b"1234"


@packed
def test_utf8_mark_is_dropped(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """A byte order mark is no part of the first record, but of its offset."""
    path = put(tmp_path, pack(b"\xef\xbb\xbf" + LINES))
    first, *_ = chunks = list(read_lines(path, chunk_bytes=1))
    assert first.offset == 3
    assert content(chunks) == LINES
    assert head(path, 8) == LINES[:8]
    assert read_document(path, limit=100) == LINES
    assert content(read_lines(path, 12)) == LINES[9:]
    assert list(read_lines(put(tmp_path, pack(b"\xef\xbb\xbf")))) == []


@packed
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_named(tmp_path: Path, pack: Callable[[bytes], bytes], encoding: str) -> None:
    """A file in UTF-16 is refused with the way to convert it."""
    path = put(tmp_path, pack("\ufeff{}\n".encode(encoding)))
    for read in (head, lambda path: list(read_lines(path)), lambda p: read_document(p, limit=99)):
        with pytest.raises(FrameError, match="UTF-16: convert it, as by `iconv"):
            read(path)


def test_nul_blocks_pass_through(tmp_path: Path) -> None:
    """What a crash left in a log is for the source to report."""
    data = b"{}\n" + b"\0" * 5000 + b"\n{}\n"
    assert content(read_lines(put(tmp_path, data), chunk_bytes=1000)) == data


def test_split_tail() -> None:
    """The tail is what stands behind the last newline."""
    assert split_tail(b"a\nb\nc") == (b"a\nb\n", b"c")
    assert split_tail(b"a\n") == (b"a\n", b"")
    assert split_tail(b"a") == (b"", b"a")


# Compression


@pytest.mark.parametrize("pack", PACKERS[1:], ids=["gzip", "zstd"])
def test_truncated_compression_gives_what_is_there(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    """A compressed file that lacks its end gives the lines before that, then says so."""
    lines = b"".join(b'{"number": %d}\n' % number for number in range(100_000))
    whole = pack(lines)
    path = put(tmp_path, whole[: len(whole) // 2])
    data, fault = until_fault(read_lines(path))
    assert lines.startswith(data)
    assert len(data) > len(lines) // 5
    assert fault.what == "ends in the middle of its compressed data"
    assert head(path, 100) == lines[:100]
    with pytest.raises(FrameError, match="in the middle"):
        read_document(path, limit=1 << 30)
    empty = put(tmp_path, whole[:5])
    with pytest.raises(FrameError, match="in the middle"):
        head(empty)


def checked_zstd(data: bytes) -> bytes:
    """Compress with the checksum that gzip always has."""
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


@pytest.mark.parametrize("pack", [gzip.compress, checked_zstd])
def test_damaged_compression_is_told(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """Flipped bytes in compressed data end the reading with an error, not with nonsense."""
    lines = b"".join(b'{"number": %d}\n' % number for number in range(100_000))
    whole = bytearray(pack(lines))
    middle = len(whole) // 2
    whole[middle : middle + 64] = bytes(byte ^ 0x5A for byte in whole[middle : middle + 64])
    _, fault = until_fault(read_lines(put(tmp_path, bytes(whole))))
    assert "damaged" in fault.what or "cannot be read any further" in fault.what


@pytest.mark.parametrize("pack", PACKERS[1:], ids=["gzip", "zstd"])
def test_members_and_frames_are_one_stream(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """A log that was compressed piece by piece and appended reads as one."""
    path = put(tmp_path, pack(LINES) + pack(LINES))
    assert content(read_lines(path)) == LINES * 2


def test_skippable_frame_may_come_first(tmp_path: Path) -> None:
    """Parallel compressors write a frame of their own before the data."""
    path = put(tmp_path, b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd" + zstd.compress(LINES))
    assert content(read_lines(path)) == LINES


@pytest.mark.parametrize("pack", PACKERS[1:], ids=["gzip", "zstd"])
def test_bombs_are_refused(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """A small file that unpacks without end is left, at a ratio or at an absolute size."""
    path = put(tmp_path, pack(b"\n" * (80 << 20)))
    data, fault = until_fault(read_lines(path))
    assert (64 << 20) - (1 << 20) < len(data) < 80 << 20
    assert fault.what == "unpacks to more than 1,000 times its size"
    data, fault = until_fault(read_lines(path, limit=1000))
    assert fault.what == "unpacks to more than 1,000 bytes"
    assert len(data) < 2 << 20


def test_the_bytes_tell_the_packing_not_the_name(tmp_path: Path) -> None:
    """A log that is only called compressed is read, and so is one that is not called so."""
    assert content(read_lines(put(tmp_path, LINES, "log.jsonl.gz"))) == LINES
    assert content(read_lines(put(tmp_path, zstd.compress(LINES), "log.jsonl"))) == LINES


# What is no log


def test_directory_is_no_file(tmp_path: Path) -> None:
    """A directory that is called like a log is refused by every reader."""
    (tmp_path / "x.jsonl").mkdir()
    for read in (head, identify, lambda path: list(read_lines(path))):
        with pytest.raises(FrameError, match="is a directory: name the files in it"):
            read(str(tmp_path / "x.jsonl"))


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A named pipe that nobody writes to is refused at once."""
    os.mkfifo(tmp_path / "x.jsonl")
    with pytest.raises(FrameError, match="is not a regular file: save what it gives"):
        list(read_lines(str(tmp_path / "x.jsonl")))


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is gone, and a link to nothing, say so with their name."""
    (tmp_path / "link.jsonl").symlink_to("nowhere.jsonl")
    for name in ("gone.jsonl", "link.jsonl"):
        with pytest.raises(FrameError, match=f"{name} is not there: check the name"):
            head(str(tmp_path / name))


def test_unopenable_file_gives_the_reason(tmp_path: Path) -> None:
    """A link that leads to itself, and a name that cannot be, give the system's reason."""
    (tmp_path / "x.jsonl").symlink_to("x.jsonl")
    for path in (str(tmp_path / "x.jsonl"), "a\0b"):
        with pytest.raises(FrameError, match="cannot be opened"):
            list(read_lines(path))


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs Linux's /proc")
def test_unreadable_file_gives_the_reason() -> None:
    """A file that opens but cannot be read is an error with the system's reason."""
    with pytest.raises(FrameError, match=r"cannot be opened \(Input/output error\)"):
        head("/proc/self/mem")


def test_forbidden_file_gives_the_reason() -> None:
    """A file without read permission says so, also to root, who is nobody meanwhile."""
    user = os.geteuid()
    with TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        path = put(Path(directory), LINES)
        os.chmod(path, 0)
        if user == 0:
            os.seteuid(65534)
        try:
            with pytest.raises(FrameError, match=r"cannot be opened \(Permission denied\)"):
                head(path)
        finally:
            os.seteuid(user)


def test_binary_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    """Databases, images, archives and noise are binary; text in any script is not."""
    database = tmp_path / "a.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE logs (id)")
    connection.close()
    assert looks_binary(head(str(database)))
    assert looks_binary(b"\x89PNG\r\n\x1a\n")
    assert looks_binary(b"PK\x03\x04 and what follows")
    assert looks_binary(bytes(range(256)) * 4)
    assert looks_binary("a plain sentence without a mark".encode("utf-16-le"))
    assert not looks_binary(b"")
    assert not looks_binary(LINES)
    assert not looks_binary("日本語 и русский".encode())
    assert not looks_binary("Fran\xe7ais".encode("latin-1"))
    assert not looks_binary(b'{"text": "\x1b[31mred\x1b[0m"}\n')
    assert not looks_binary(b"\0" * 4096 + LINES)


def test_error_survives_the_way_between_processes() -> None:
    """A worker's error arrives with its path, reason and way out."""
    error = pickle.loads(pickle.dumps(FrameError("a.gz", "is damaged", "copy it again")))
    assert (error.path, error.what, error.todo) == ("a.gz", "is damaged", "copy it again")
    assert str(error) == "a.gz is damaged: copy it again"


# Documents and heads


@packed
def test_document_is_read_up_to_its_limit(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """A whole document is handed over if it is within the limit, to the byte."""
    path = put(tmp_path, pack(LINES))
    assert read_document(path, limit=len(LINES)) == LINES
    with pytest.raises(FrameError, match=r"(more|larger) than 31 bytes"):
        read_document(path, limit=len(LINES) - 1)


@packed
def test_head_is_the_beginning(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """The first bytes are of the uncompressed content, and no more than asked for."""
    path = put(tmp_path, pack(LINES))
    assert head(path) == LINES
    assert head(path, 2) == LINES[:2]


# Whether a file is still the same


def test_file_at_rest_is_not_opened(tmp_path: Path) -> None:
    """A file whose size, time and inode are as they were is unchanged, without looking inside."""
    path = put(tmp_path, LINES)
    before = identify(path)
    times = (os.stat(path).st_atime_ns, before.mtime_ns)
    with open(path, "r+b") as file:
        file.write(b"[")
    os.utime(path, ns=times)
    assert same_file(before, path) == "unchanged"


@pytest.mark.parametrize("size", [0, 10, 5000, 20_000])
def test_appended_file_has_grown(tmp_path: Path, size: int) -> None:
    """A file stays itself while it is appended to, from whatever size."""
    path = put(tmp_path, os.urandom(size))
    before = identify(path)
    assert before.size == size
    assert before.head_bytes == min(4096, size)
    with open(path, "ab") as file:
        file.write(os.urandom(5000))
    assert same_file(before, path) == "grown"


def test_touched_file_has_grown_by_nothing(tmp_path: Path) -> None:
    """A new time alone does not make a file be read again."""
    path = put(tmp_path, LINES)
    before = identify(path)
    os.utime(path, ns=(0, 0))
    assert same_file(before, path) == "grown"


def test_rewritten_file_is_replaced(tmp_path: Path) -> None:
    """A file that is shorter, or other at its beginning or old end, or another inode, is new."""
    path = put(tmp_path, b"a" * 6000)
    before = identify(path)
    for data in (b"a" * 5999, b"b" + b"a" * 6000, b"a" * 5999 + b"bb"):
        put(tmp_path, data)
        assert same_file(before, path) == "replaced"
    os.replace(put(tmp_path, b"a" * 6001, "other"), path)
    assert same_file(before, path) == "replaced"


def test_file_that_is_gone_is_no_answer(tmp_path: Path) -> None:
    """Asking after a file that is not there raises."""
    path = put(tmp_path, LINES)
    before = identify(path)
    os.unlink(path)
    with pytest.raises(FrameError, match="is not there"):
        same_file(before, path)


# Objects over several lines

OBJECTS = (
    b'{\n  "a": [\n    1\n  ],\n  "b": "\xc3\xa9 {"\n}\n'
    b'{"c": 3}\n{\n  "d": {\n    "e": {}\n  }\n}\n'
)
ON_LINES = b'{   "a": [     1   ],   "b": "\xc3\xa9 {" }\n{"c": 3} {   "d": {     "e": {}   } }\n'


@packed
@pytest.mark.parametrize("chunk_bytes", [4, 9, 1 << 18])
def test_objects_over_several_lines_are_put_on_one(
    tmp_path: Path, pack: Callable[[bytes], bytes], chunk_bytes: int
) -> None:
    """An object ends with a brace alone on a line; its line ends become spaces, whatever blocks."""
    path = put(tmp_path, pack(OBJECTS))
    assert content(read_indented(path, chunk_bytes=chunk_bytes)) == ON_LINES


@packed
def test_objects_cut_at_every_byte_resume(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """A file read while it held n bytes and again when whole gives the same objects for every n."""
    for size in range(len(OBJECTS) + 1):
        path = put(tmp_path, pack(OBJECTS[:size]))
        whole, tail = split_tail(content(read_indented(path, chunk_bytes=7)))
        assert len(whole + tail) == size
        put(tmp_path, pack(OBJECTS))
        assert whole + content(read_indented(path, len(whole), chunk_bytes=7)) == ON_LINES
