#!/usr/bin/env python3
"""Tests scripts/lib/check_snippets.py with pages that have snippets, marked and unmarked."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).resolve().parents[3] / "scripts/lib/check_snippets.py"


class CheckSnippetsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "contexts").mkdir()
        (self.root / "out").mkdir()
        (self.root / "contexts/gate.h").write_text("using SnippetResult = void;\n")

    def check(self, text):
        (self.root / "page.md").write_text(text)
        command = [sys.executable, "-B", CHECK, "contexts", "out", "page.md"]
        run = subprocess.run(command, cwd=self.root, capture_output=True, text=True)
        return run.returncode, run.stdout

    def test_a_snippet_becomes_a_function_that_names_its_page(self):
        code, output = self.check("# Page\n\n<!-- snippet: gate -->\n```cpp\n#include <a>\nf();\n```\n")
        self.assertEqual((code, output), (0, ""))
        text = (self.root / "out/page_5.cc").read_text()
        self.assertTrue(text.startswith('#include <a>\n#include "gate.h"\n'))
        self.assertIn('SnippetResult Snippet(SNIPPET_PARAMETERS) {\n#line 5 "page.md"\n\nf();\n}', text)

    def test_a_snippet_without_a_mark_is_an_error(self):
        code, output = self.check("<!-- snippet: gate -->\n```cpp\n```\n\n```cpp\nf();\n```\n")
        self.assertEqual(code, 1)
        self.assertIn("page.md:5: this block of C++ names no context", output)

    def test_a_context_that_is_not_there_and_one_that_nobody_uses(self):
        code, output = self.check("<!-- snippet: none -->\n```cpp\nf();\n```\n")
        self.assertEqual(code, 1)
        self.assertIn("page.md:2: this block of C++ names no context", output)
        self.assertIn("contexts/gate.h: no page uses this context", output)

    def test_a_page_without_snippets_is_an_error(self):
        code, output = self.check("<!-- check-readme: main.cc -->\n```cpp\nint main() {}\n```\n")
        self.assertEqual(code, 1)
        self.assertIn("no snippet was found", output)


if __name__ == "__main__":
    unittest.main()
