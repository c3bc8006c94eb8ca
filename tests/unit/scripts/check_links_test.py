#!/usr/bin/env python3
"""Tests scripts/lib/check_links.py with links that lead nowhere, and with right ones."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "scripts" / "lib"))

from check_links import anchor, links, problem_of  # noqa: E402


class CheckLinksTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        (self.root / "docs").mkdir()
        (self.root / "picture.svg").write_text("<svg/>")
        self.write("other.md", "# What `size` should it be?\n## Twice\n## Twice\n")

    def write(self, name, text):
        path = self.root / "docs" / name
        path.write_text(text)
        return path

    def problems(self, text):
        page = self.write("page.md", text)
        found = [problem_of(self.root, page, target) for _, target in links(page)]
        self.assertTrue(found, "no link was found")
        return [problem for problem in found if problem]

    def test_right_links(self):
        for text in ("[a](other.md)", "![a](../picture.svg)", "[a](other.md#twice-1)", "# A b\n[a](#a-b)",
                     "[a](other.md#what-size-should-it-be)", "[a](https://example.org/none)",
                     "[a]: other.md", '<a href="other.md">a</a>', "[![a](../picture.svg)](other.md)"):
            with self.subTest(text=text):
                self.assertEqual(self.problems(text), [])

    def test_links_that_lead_nowhere(self):
        for text in ("[a](none.md)", "![a](picture.svg)", "[a]: none.md", '<img src="none.png">',
                     "[![a](none.svg)](other.md)"):
            with self.subTest(text=text):
                self.assertEqual(self.problems(text), ["leads nowhere"])

    def test_headings_that_are_not_there(self):
        self.assertEqual(self.problems("[a](other.md#thrice)"), ["has no heading #thrice"])
        self.assertEqual(self.problems("[a](other.md#twice-2)"), ["has no heading #twice-2"])
        self.assertEqual(self.problems("```\n# Heading\n```\n[a](#heading)"),
                         ["has no heading #heading"])

    def test_a_link_out_of_the_repository(self):
        self.assertEqual(self.problems("[a](../../other.md)"), ["leads out of the repository"])

    def test_code_has_no_links(self):
        page = self.write("page.md", "`[a](none.md)`\n```\n[a](none.md)\n```\n")
        self.assertEqual(links(page), [])

    def test_the_name_of_a_heading(self):
        self.assertEqual(anchor("The [calls](x.md): `Poll`, and more"), "the-calls-poll-and-more")


if __name__ == "__main__":
    unittest.main()
