#!/usr/bin/env python3
"""Writes the C++ snippets of Markdown pages to files that a compiler can check.

usage: check_snippets.py <folder of contexts> <output folder> <page.md>...

A comment right before each block of C++ names the context in which the block makes sense:

    <!-- snippet: gate -->

The context is the header gate.h in the folder of contexts. The header declares what the block uses.
The block becomes the body of a function, which returns the SnippetResult of the header and has the
macro SNIPPET_PARAMETERS, if there is one, for parameters. Lines with #include go to the top. The
comment `check-readme: <file>` marks a file of a whole program, which
scripts/check-readme builds and runs. A block of C++ without a mark is an error. The compiler names
the line of the page.
"""

import pathlib
import re
import sys

MARK = re.compile(r"^<!-- (snippet|check-readme): (\S+) -->$")
INCLUDE = re.compile(r"^#include ")


def snippets(page: pathlib.Path) -> list[tuple[int, str | None, list[str]]]:
    """The line, the context (None: no mark) and the code of each block that is no whole program."""
    found = []
    lines = page.read_text(encoding="utf-8").split("\n")
    for i, line in enumerate(lines):
        if line.strip() != "```cpp":
            continue
        mark = MARK.match(lines[i - 1]) if i > 0 else None
        if mark and mark.group(1) == "check-readme":
            continue
        end = next(j for j in range(i + 1, len(lines)) if lines[j].strip() == "```")
        found.append((i + 2, mark.group(2) if mark else None, lines[i + 1 : end]))
    return found


def source(page: str, line: int, context: str, code: list[str]) -> str:
    includes = [text for text in code if INCLUDE.match(text)]
    body = ["" if INCLUDE.match(text) else text for text in code]
    return "\n".join(
        includes
        + [f'#include "{context}.h"', "#ifndef SNIPPET_PARAMETERS", "#define SNIPPET_PARAMETERS"]
        + ["#endif", "SnippetResult Snippet(SNIPPET_PARAMETERS) {"]
        + [f'#line {line} "{page}"']
        + body
        + ["}", ""]
    )


def main() -> int:
    contexts, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    problems = count = 0
    used = set()
    for name in sys.argv[3:]:
        for line, context, code in snippets(pathlib.Path(name)):
            count += 1
            if context is None or not (contexts / f"{context}.h").is_file():
                problems += 1
                print(f"{name}:{line - 1}: this block of C++ names no context "
                      f"(<!-- snippet: ... -->) of {contexts}")
                continue
            used.add(context)
            file = output / f"{pathlib.Path(name).stem}_{line}.cc"
            file.write_text(source(name, line, context, code), encoding="utf-8")
    for header in sorted(contexts.glob("*.h")):
        if header.stem not in used and header.stem != "names":
            problems += 1
            print(f"{header}: no page uses this context")
    if count == 0:
        problems += 1
        print("check-snippets: no snippet was found")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
