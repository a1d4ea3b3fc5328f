"""Turn log files and tables into chunks of whole records.

Nothing else in tachlog opens a log. Whatever a file is (plain, compressed, damaged, growing), a
reader hands over what is there in order, in bounded memory, and then raises `FrameError` if that
was not all of it.
"""

from tachlog.frames.archives import read_archive
from tachlog.frames.csv_rows import read_csv_rows
from tachlog.frames.documents import RowCursor, read_database, read_whole
from tachlog.frames.faults import FrameError
from tachlog.frames.files import FileId, identify, same_file
from tachlog.frames.indented import read_indented
from tachlog.frames.lines import read_lines, split_tail
from tachlog.frames.remote import find_remote, locate, located
from tachlog.frames.sql_table import Page, read_table, table_name
from tachlog.frames.status import Status
from tachlog.frames.stream import HEAD_BYTES, head, looks_binary, read_document, status_of

__all__ = [
    "HEAD_BYTES",
    "FileId",
    "FrameError",
    "Page",
    "RowCursor",
    "Status",
    "find_remote",
    "head",
    "identify",
    "locate",
    "located",
    "looks_binary",
    "read_archive",
    "read_csv_rows",
    "read_database",
    "read_document",
    "read_indented",
    "read_lines",
    "read_table",
    "read_whole",
    "same_file",
    "split_tail",
    "status_of",
    "table_name",
]
