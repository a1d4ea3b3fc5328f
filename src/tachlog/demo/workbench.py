"""The tools of a coding agent in an invented project: what is called, and what comes back."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tachlog.demo.codebase import PIECE_LINES, SourceFile, source_files
from tachlog.demo.dialects import Dialect
from tachlog.demo.dice import Dice, Quantiles
from tachlog.demo.shell import FAILING_CHECKS, FAILURES, PASSING_CHECKS, REJECTION, ROUTINE
from tachlog.demo.team import Project
from tachlog.demo.truth import Outcome

# Quantiles of durations in milliseconds, like those of public Claude Code logs.
READ_MS: Quantiles = ((0, 3), (0.5, 26), (0.9, 80), (0.99, 400), (1, 900))
SEARCH_MS: Quantiles = ((0, 12), (0.5, 48), (0.9, 310), (0.99, 900), (1, 2_600))
EDIT_MS: Quantiles = ((0, 8), (0.5, 42), (0.9, 260), (0.99, 900), (1, 2_000))
SHELL_MS: Quantiles = ((0, 20), (0.5, 320), (0.9, 2_400), (0.99, 9_000), (1, 14_000))
CHECK_MS: Quantiles = ((0, 1_900), (0.5, 9_500), (0.9, 34_000), (0.99, 80_000), (1, 110_000))
PERSON_MS: Quantiles = ((0, 2_000), (0.5, 9_000), (0.9, 60_000), (0.99, 200_000), (1, 280_000))


class Tool(msgspec.Struct, frozen=True):
    """One tool call and what came of it.

    `output` is what the model is shown, `result` what Claude Code keeps beside it, `size` how
    many characters the output adds to the context. `waits_ms` is the time for a person's answer.
    `work`, for a sub-agent, does the call when it is made: given the call, its id and its time.
    """

    name: str
    arguments: dict[str, object]
    output: object = ""
    result: object = None
    outcome: Outcome = "success"
    error_class: str = ""
    took_ms: int = 0
    waits_ms: int = 0
    size: int = 0
    says_success: bool = False
    work: Callable[[Tool, str, int], Tool] | None = None

    @property
    def is_error(self) -> bool:
        """Whether the log marks the result as an error."""
        if self.outcome == "expected_negative":
            return self.result is None
        return self.outcome != "success"


class Workbench:
    """Makes tool calls that fit a project and a version of Claude Code."""

    def __init__(self, project: Project, dialect: Dialect, dice: Dice) -> None:
        self.project = project
        self.dialect = dialect
        self.dice = dice
        self.planned = 0
        self.files = source_files(project)
        self.noun = dice.pick(project.nouns)
        self._file, self._test = (file.relative for file in self.files if file.noun == self.noun)
        self._cwd = project.cwd
        self._failures = [each for each in FAILURES if project.language in each.languages]

    def fill(self, text: str) -> str:
        """Put the noun that the work is about, its files and the directory into a text."""
        return text.format(noun=self.noun, file=self._file, other_file=self._test, cwd=self._cwd)

    def read(self, file: SourceFile | None = None) -> Tool:
        """Read a file of the project, or a part of it."""
        file = file or self.dice.pick(self.files)
        piece = file.whole
        arguments: dict[str, object] = {"file_path": file.path}
        if self.dice.chance(0.6):
            piece = self.dice.pick(file.pieces)
            arguments |= {"offset": piece.first_line, "limit": PIECE_LINES}
        return Tool(
            name="Read",
            arguments=arguments,
            output=piece.arrow_json if self.dialect.arrow else piece.tab_json,
            result={
                "type": "text",
                "file": {
                    "filePath": file.path,
                    "content": piece.text_json,
                    "numLines": piece.line_count,
                    "startLine": piece.first_line,
                    "totalLines": len(file.lines),
                },
            },
            took_ms=self.dice.spread(READ_MS),
            size=piece.size,
        )

    def grep(self, *, finds: bool) -> Tool:
        """Search with the Grep tool; finding nothing is an answer, not an error."""
        dice = self.dice
        pattern = f"{dice.pick(self.project.nouns)}{dice.pick(('Rule', '_share', 'Store', '_id'))}"
        names = [file.relative for file in dice.sample(self.files, dice.between(2, 7))]
        found = names if finds else []
        output = f"Found {len(found)} files\n" + "\n".join(found) if found else "No files found"
        return Tool(
            name="Grep",
            arguments={
                "pattern": pattern,
                "path": self.project.cwd,
                "output_mode": "files_with_matches",
            },
            output=output,
            result={"mode": "files_with_matches", "filenames": found, "numFiles": len(found)},
            outcome="success" if finds else "expected_negative",
            took_ms=dice.spread(SEARCH_MS),
            size=len(output),
        )

    def glob(self) -> Tool:
        """List files by pattern."""
        took_ms = self.dice.spread(SEARCH_MS)
        noun = self.dice.pick(self.project.nouns)
        names = [file.relative for file in self.files if file.noun == noun]
        output = "\n".join(names)
        return Tool(
            name="Glob",
            arguments={"pattern": f"**/{noun}*"},
            output=output,
            result={
                "filenames": names,
                "durationMs": took_ms,
                "numFiles": len(names),
                "truncated": False,
            },
            took_ms=took_ms,
            size=len(output),
        )

    def edit(self) -> Tool:
        """Put a remark in front of some lines of a file."""
        dice = self.dice
        file = dice.pick(self.files)
        at, length = dice.between(8, len(file.lines) - 12), dice.between(1, 9)
        old = file.lines[at : at + length]
        indent = old[0][: len(old[0]) - len(old[0].lstrip())]
        remark = "#" if self.project.language == "py" else "//"
        number = dice.between(2, 900)
        added = f"{indent}{remark} issue {number}: the version is checked before the amount is used"
        patch = {
            "oldStart": at,
            "oldLines": length + 1,
            "newStart": at,
            "newLines": length + 2,
            "lines": [f" {file.lines[at - 1]}", f"+{added}", *(f" {line}" for line in old)],
        }
        old_text = "\n".join(old)
        new_text = f"{added}\n{old_text}"
        output = f"The file {file.path} has been updated successfully."
        return Tool(
            name="Edit",
            arguments={
                "replace_all": False,
                "file_path": file.path,
                "old_string": old_text,
                "new_string": new_text,
            },
            output=output,
            result={
                "filePath": file.path,
                "oldString": old_text,
                "newString": new_text,
                "originalFile": file.whole.text_json if self.dialect.keeps_originals else None,
                "structuredPatch": [patch],
                "userModified": False,
                "replaceAll": False,
            },
            took_ms=dice.spread(EDIT_MS),
            size=len(output),
        )

    def write(self) -> Tool:
        """Create a file of notes."""
        number = self.dice.between(1, 4_000)
        path = f"{self.project.cwd}/docs/notes/{self.noun}-{number}.md"
        content = self.fill(
            f"# {{noun}}: decision {number}\n\n- the {{noun}} keeps its own version\n"
            "- writers retry once on a conflict, then report it\n- amounts are whole cents\n"
        )
        return Tool(
            name="Write",
            arguments={"file_path": path, "content": content},
            output=f"File created successfully at: {path}",
            result={
                "type": "create",
                "filePath": path,
                "content": content,
                "structuredPatch": [],
                "originalFile": None,
            },
            took_ms=self.dice.spread(EDIT_MS),
            size=len(path) + 30,
        )

    def shell(self) -> Tool:
        """Run a routine command that succeeds."""
        command = self.dice.pick(ROUTINE)
        return self.ran(self.fill(command.line), command.description, self.fill(command.output))

    def ran(self, command: str, description: str, stdout: str, took_ms: int | None = None) -> Tool:
        """A command that ended with exit code 0."""
        return Tool(
            name="Bash",
            arguments={"command": command, "description": description},
            output=stdout,
            result={"stdout": stdout, "stderr": "", "interrupted": False, "isImage": False},
            took_ms=self.dice.spread(SHELL_MS) if took_ms is None else took_ms,
            size=len(stdout),
            says_success=True,
        )

    def check(self, *, passes: bool) -> Tool:
        """Run the tests or the linter; when they say no the command itself has worked."""
        dice, project = self.dice, self.project
        took_ms = dice.spread(CHECK_MS)
        command = project.test if dice.chance(0.75) else project.lint
        counts = {"passed": dice.between(40, 410), "failed": dice.between(1, 4)}
        counts["total"] = counts["passed"] + counts["failed"]
        seconds = f"{took_ms // 1000}.{took_ms % 1000 // 100}"
        outputs = PASSING_CHECKS if passes else FAILING_CHECKS
        text = outputs[command].format(noun=self.noun, seconds=seconds, **counts)
        description = "Run the tests" if command == project.test else "Run the linter"
        if passes:
            return self.ran(command, description, text, took_ms)
        return self.failed(command, description, 1, text, "", took_ms, outcome="check_failed")

    def failed(
        self,
        command: str,
        description: str,
        exit_code: int,
        text: str,
        error_class: str,
        took_ms: int | None = None,
        outcome: Outcome = "error",
    ) -> Tool:
        """A command that ended with another exit code."""
        output = f"Exit code {exit_code}\n{text}".rstrip("\n")
        return Tool(
            name="Bash",
            arguments={"command": command, "description": description},
            output=output,
            outcome=outcome,
            error_class=error_class,
            took_ms=self.dice.spread(SHELL_MS) if took_ms is None else took_ms,
            size=len(output),
        )

    def shell_finds_nothing(self) -> Tool:
        """`grep`, `diff` or `test` in the shell that answer no with exit code 1."""
        dice = self.dice
        word = f"{dice.pick(self.project.nouns)}_v{dice.between(2, 99)}"
        if dice.chance(0.7):
            answer = self.ran(f'grep -rn "{word}" .', f"Search for {word}", "")
            result = {
                "stdout": "",
                "stderr": "",
                "interrupted": False,
                "isImage": False,
                "returnCodeInterpretation": "No matches found",
            }
            return msgspec.structs.replace(answer, outcome="expected_negative", result=result)
        command = dice.pick((f"test -f docs/{word}.md", f'grep -rq "{word}" .'))
        negative: Outcome = "expected_negative"
        return self.failed(command, f"Look for {word}", 1, "", "", outcome=negative)

    def failure(self) -> Tool:
        """A command that fails for one of the usual reasons."""
        command = self.dice.pick(self._failures)
        return self.failed(
            self.fill(command.line),
            command.description,
            command.exit_code,
            self.fill(command.output),
            command.error_class,
            command.took_ms,
        )

    def refused_connection(self, command: str, port: int = 5432) -> Tool:
        """A command that needs the database, which is not running."""
        text = (
            f"\n> {self.project.name}@4.2.0 {command.removeprefix('npm run ')}\n> node scripts/"
            f"db.mjs\n\nError: connect ECONNREFUSED 127.0.0.1:{port}\n    at TCPConnectWrap."
            "afterConnect [as oncomplete] (node:net:1611:16) {\n  errno: -111,\n  code: "
            f"'ECONNREFUSED',\n  syscall: 'connect',\n  address: '127.0.0.1',\n  port: {port}\n}}"
        )
        return self.failed(command, "Prepare the database", 1, text, "network")

    def edit_conflict(self) -> Tool:
        """An edit whose text is not in the file, or no longer."""
        edit = self.edit()
        if self.dice.chance(0.7):
            message = (
                f"String to replace not found in file.\nString: {edit.arguments['old_string']}"
            )
        else:
            message = (
                "File has been modified since read, either by the user or by a linter. Read it "
                "again before attempting to write it."
            )
        return self.refused(edit, message, "edit_conflict")

    def missing_file(self) -> Tool:
        """Reading a file that does not exist."""
        path = f"{self.project.cwd}/src/legacy/{self.noun}-{self.dice.between(1, 99)}.old"
        call = Tool("Read", {"file_path": path}, took_ms=self.dice.spread(READ_MS))
        return self.refused(call, "File does not exist.", "not_found")

    def answered(self, call: Tool, output: object, result: object) -> Tool:
        """The call, done."""
        size = len(output) if isinstance(output, str) else 200
        return msgspec.structs.replace(call, output=output, result=result, size=size)

    def refused(self, call: Tool, message: str, error_class: str) -> Tool:
        """The call, answered by the agent's own tool with an error."""
        text = f"<tool_use_error>{message}</tool_use_error>"
        return self.answered_with_error(call, text, error_class)

    def answered_with_error(self, call: Tool, text: str, error_class: str) -> Tool:
        """The call, answered with an error."""
        return msgspec.structs.replace(
            call,
            output=text,
            result=None,
            outcome="error",
            error_class=error_class,
            size=len(text),
            says_success=False,
        )

    def rejected(self, call: Tool) -> Tool:
        """The call, which a person did not allow."""
        return msgspec.structs.replace(
            call,
            output=REJECTION,
            result=None,
            outcome="rejected",
            took_ms=0,
            waits_ms=self.dice.spread(PERSON_MS),
            size=len(REJECTION),
        )

    def interrupted(self, call: Tool) -> Tool:
        """The call, stopped by a person while it ran."""
        text = "[Request interrupted by user for tool use]"
        return msgspec.structs.replace(
            call,
            output=text,
            result=None,
            outcome="interrupted",
            took_ms=self.dice.between(4_000, 90_000),
            size=len(text),
        )

    def approved(self, call: Tool) -> Tool:
        """The call, for which a person had to be asked."""
        return msgspec.structs.replace(call, waits_ms=self.dice.spread(PERSON_MS))
