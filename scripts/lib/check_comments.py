"""Finds lines of comments that a formatter broke.

clang-format moves what is too long for a line of a comment onto a line of its own and joins nothing
behind it. So one or two words stand alone in the middle of a sentence. Such a line is a `//` comment
of one or two words without punctuation at its end, between two longer lines of the same comment.
"""

import pathlib
import re
import sys

COMMENT = re.compile(r"^(\s*)//(?!/)(.*)$")
# An earlier line that is at most this long had room for the words: its author broke it on purpose.
NEARLY_FULL = 75


def words_of(line: str) -> list[str] | None:
    """The words of a line that holds a comment only, or None for another line."""
    match = COMMENT.match(line)
    return match.group(2).split() if match else None


def broken_lines(text: str) -> list[int]:
    """The numbers of the broken lines, beginning with 1."""
    lines = text.splitlines()
    found = []
    for index in range(1, len(lines) - 1):
        before, words, after = (words_of(line) for line in lines[index - 1 : index + 2])
        if not before or not words or not after or len(words) > 2:
            continue
        if words[-1][-1] in ".:;!?)]}>\"'`-":
            continue
        if len(lines[index - 1]) > NEARLY_FULL and len(after) > 2:
            found.append(index + 1)
    return found


def main() -> int:
    broken = 0
    for name in sys.argv[1:]:
        for number in broken_lines(pathlib.Path(name).read_text(encoding="utf-8")):
            print(f"{name}:{number}: this line of a comment holds one or two words of a sentence")
            broken += 1
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
