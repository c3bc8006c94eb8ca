#!/usr/bin/env python3
"""Tests scripts/lib/doxygen_filter.py with the comments of a header."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "scripts" / "lib"))

from doxygen_filter import convert  # noqa: E402


class DoxygenFilterTest(unittest.TestCase):
    def check(self, before, after):
        self.assertEqual(convert(["", *before]), ["", *after])

    def test_the_first_comment_is_that_of_the_file(self):
        self.assertEqual(convert(["// A page.", "#ifndef A"]),
                         ["/// @file", "/// A page.", "#ifndef A"])

    def test_a_comment_in_front_of_a_declaration(self):
        self.check(["  // What it is.", "  int x;"], ["  /// What it is.", "  int x;"])

    def test_a_comment_behind_a_declaration_and_its_next_lines(self):
        self.check(["  kA,  // one", "       // line", "  kB,  // two"],
                   ["  kA,  ///< one", "       ///< line", "  kB,  ///< two"])

    def test_a_comment_before_an_empty_line_describes_nothing(self):
        self.check(["// A remark.", "", "int x;"], ["// A remark.", "", "int x;"])

    def test_a_rule_and_the_end_of_a_namespace_describe_nothing(self):
        self.check(["// ---- Part ----", "int x;"], ["// ---- Part ----", "int x;"])
        self.check(["}  // namespace failover"], ["}  // namespace failover"])

    def test_indented_lines_are_code(self):
        self.check(["// So:", "//   f<int>(&x);", "// Then.", "int x;"],
                   ["/// So:", "/// @code{.cpp}   f<int>(&x);", "/// @endcode Then.", "int x;"])

    def test_the_lines_of_an_item_are_no_code(self):
        self.check(["//  - an item that", "//    goes on", "int x;"],
                   ["///  - an item that", "///    goes on", "int x;"])

    def test_what_doxygen_would_take_for_a_command_is_text(self):
        self.check([r"// <Baton>, @@global and `a<b>` \n.", "int x;"],
                   [r"/// \<Baton\>, \@\@global and <tt>a\<b\></tt> \\n.", "int x;"])


if __name__ == "__main__":
    unittest.main()
