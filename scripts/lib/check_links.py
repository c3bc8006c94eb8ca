#!/usr/bin/env python3
"""Checks that the links of Markdown files lead to files and headings that are there.

usage: check_links.py <root> <file.md>...

Links to other hosts are not followed. A link to a heading (page.md#heading) is compared with the
names that the common hosts of repositories make of the headings.
"""

import pathlib
import re
import sys
import urllib.parse

FENCE = re.compile(r"^\s*(```|~~~)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
# [text](target), ![text](target) and [text](target "title"); the text may hold a picture.
LINK = re.compile(r"\]\(\s*<?([^()\s<>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
HTML_LINK = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"")
DEFINITION = re.compile(r"^\[[^\]]+\]:\s+(\S+)")
REMOTE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)
CODE = re.compile(r"(`+).+?\1")


def text_lines(path: pathlib.Path) -> list[tuple[int, str]]:
    """The numbered lines that are not in a block of code."""
    lines = []
    fenced = False
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            lines.append((number, line))
    return lines


def anchor(heading: str) -> str:
    heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    heading = re.sub(r"[^\w\- ]", "", heading.lower())
    return heading.strip().replace(" ", "-")


def anchors(path: pathlib.Path) -> set[str]:
    found: set[str] = set()
    for _, line in text_lines(path):
        match = HEADING.match(line)
        if not match:
            continue
        name = anchor(match.group(1))
        unique = name
        count = 0
        while unique in found:
            count += 1
            unique = f"{name}-{count}"
        found.add(unique)
    return found


def links(path: pathlib.Path) -> list[tuple[int, str]]:
    found = []
    for number, line in text_lines(path):
        line = CODE.sub("", line)
        for pattern in (LINK, HTML_LINK, DEFINITION):
            found += [(number, target) for target in pattern.findall(line)]
    return found


def problem_of(root: pathlib.Path, path: pathlib.Path, target: str) -> str | None:
    if REMOTE.match(target):
        return None
    name, _, fragment = urllib.parse.unquote(target).partition("#")
    file = (path.parent / name).resolve() if name else path
    if not file.is_relative_to(root):
        return "leads out of the repository"
    if not file.exists():
        return "leads nowhere"
    if fragment and file.suffix == ".md" and fragment not in anchors(file):
        return f"has no heading #{fragment}"
    return None


def main() -> int:
    root = pathlib.Path(sys.argv[1]).resolve()
    count = problems = 0
    for name in sys.argv[2:]:
        path = (root / name).resolve()
        for number, target in links(path):
            count += 1
            problem = problem_of(root, path, target)
            if problem:
                problems += 1
                print(f"{name}:{number}: {target}: {problem}")
    if count == 0:
        print("check-links: no link was found")
        return 1
    if problems:
        print(f"check-links: {problems} of {count} links are wrong")
        return 1
    print(f"check-links: {count} links in {len(sys.argv) - 2} files are right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
