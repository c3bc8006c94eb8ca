#!/usr/bin/env python3
"""Turns the plain comments of a public header into comments that Doxygen reads.

Doxygen runs this script for each header and reads what the script prints, which has one line more
than the header. A comment in front of a declaration describes the declaration, and a comment behind
a declaration on the same line describes that declaration. A comment with an empty line behind it is a
remark on what follows in general, so no declaration gets it. What is indented by two blanks more than
the text is code, unless it belongs to an item of a list.
"""

import re
import sys

COMMENT = re.compile(r"^(\s*)//(?: (.*))?$")
TRAILING = re.compile(r"^(.*?\S)(\s+)// (.*)$")
ITEM = re.compile(r"^ *- ")
# A rule of dashes that divides a header into parts.
DIVIDER = re.compile(r"^-{4,}.*")


def escape(text: str) -> str:
    text = re.sub(r"[\\@<>&#%]", lambda match: "\\" + match.group(), text)
    return re.sub(r"`([^`]+)`", r"<tt>\1</tt>", text)


def block(lines: list[str], first_of_file: bool) -> list[str]:
    """The lines of a comment, without their slashes, as text for Doxygen."""
    result = ["@file"] if first_of_file else []
    code = in_list = False
    for line in lines:
        in_list = bool(ITEM.match(line)) or (in_list and line.startswith("  "))
        is_code = line.startswith("  ") and not in_list
        text = line if is_code or (code and not line) else escape(line)
        if is_code and not code:
            text = "@code{.cpp} " + text
        elif code and not is_code and line:
            text = "@endcode " + text
        code = is_code or (code and not line)
        result.append(text)
    if code:
        result[-1] += " @endcode"
    return result


def convert(lines: list[str]) -> list[str]:
    result = []
    i = 0
    trailing_column = None
    while i < len(lines):
        match = COMMENT.match(lines[i])
        if match and trailing_column == len(match.group(1)):
            result.append(f"{match.group(1)}///< {escape(match.group(2) or '')}")
            i += 1
            continue
        trailing_column = None
        if match:
            indent = match.group(1)
            end = i
            while end < len(lines) and (m := COMMENT.match(lines[end])) and m.group(1) == indent:
                end += 1
            texts = [COMMENT.match(line).group(2) or "" for line in lines[i:end]]
            free = end >= len(lines) or not lines[end].strip() or DIVIDER.match(texts[0])
            if free and i > 0:
                result += lines[i:end]
            else:
                result += [f"{indent}/// {text}" for text in block(texts, i == 0)]
            i = end
            continue
        trailing = TRAILING.match(lines[i])
        if trailing and not trailing.group(1).lstrip().startswith(("#", "}  //", "//")):
            code, gap, text = trailing.groups()
            trailing_column = len(code) + len(gap)
            is_namespace = code.strip() == "}"
            result.append(lines[i] if is_namespace else f"{code}{gap}///< {escape(text)}")
        else:
            result.append(lines[i])
        i += 1
    return result


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = file.read().split("\n")
    print("\n".join(convert(lines)), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
