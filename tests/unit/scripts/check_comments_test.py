#!/usr/bin/env python3
"""Tests scripts/lib/check_comments.py with comments that a formatter broke, and with whole ones."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "scripts" / "lib"))

from check_comments import broken_lines  # noqa: E402

FULL = "// The first line of a comment that is as long as the lines of this project may be, and goes on"


class CheckCommentsTest(unittest.TestCase):
    def test_one_or_two_words_in_the_middle_of_a_sentence_are_found(self):
        for words in ("until", "kUnknown,", "or that"):
            with self.subTest(words=words):
                self.assertEqual(broken_lines(f"{FULL}\n// {words}\n// the sentence ends.\n"), [2])

    def test_an_indented_comment_is_found(self):
        self.assertEqual(broken_lines(f"int x;\n  {FULL}\n  // may\n  // end the sentence.\n"), [3])

    def test_the_end_of_a_sentence_is_whole(self):
        self.assertEqual(broken_lines(f"{FULL}\n// on here.\n// The next sentence begins.\n"), [])

    def test_the_last_line_of_a_comment_is_whole(self):
        self.assertEqual(broken_lines(f"{FULL}\n// until here\nint x;\n"), [])

    def test_a_paragraph_and_a_list_of_short_lines_are_whole(self):
        self.assertEqual(broken_lines(f"{FULL}\n//\n// The next paragraph begins.\n"), [])
        self.assertEqual(broken_lines("// These files:\n// one\n// two and three and four\n"), [])

    def test_code_is_no_comment(self):
        self.assertEqual(broken_lines(f"{FULL}\nint x\n// The code goes on.\n"), [])


if __name__ == "__main__":
    unittest.main()
