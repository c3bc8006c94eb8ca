#!/usr/bin/env python3
"""Tests scripts/check-layers: each case plants one mistake in a small tree that is clean otherwise."""

import pathlib
import subprocess
import tempfile
import unittest

CHECK_LAYERS = pathlib.Path(__file__).resolve().parents[3] / "scripts" / "check-layers"

CLEAN_TREE = {
    "include/failover/stats.h": "#include <string>\n",
    "include/failover/buffer.h": '#include "failover/stats.h"\n',
    "src/base/log.h": "#include <string>\n",
    "src/base/log.cc": '#include "base/log.h"\n\n#include <spdlog/spdlog.h>\n',
    "src/shard/slot_pool.h": '#include "base/log.h"\n',
    "src/api/buffer.cc": '#include "failover/buffer.h"\n#include "shard/slot_pool.h"\n',
    "demo/main.cc": '#include "failover/buffer.h"\n',
}


class CheckLayersTest(unittest.TestCase):
    def check(self, planted: dict[str, str]) -> tuple[int, str]:
        """The exit code of check-layers, and what it prints, for the clean tree with these files."""
        with tempfile.TemporaryDirectory() as folder:
            for path, text in {**CLEAN_TREE, **planted}.items():
                file = pathlib.Path(folder, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            done = subprocess.run(
                [CHECK_LAYERS, folder], capture_output=True, text=True, check=False
            )
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def assert_finds(self, planted: dict[str, str], message: str) -> None:
        code, printed = self.check(planted)
        self.assertEqual(code, 1, printed)
        self.assertIn(message, printed)
        # The message is the only complaint: the last line is the summary.
        self.assertEqual(len(printed.splitlines()), 2, printed)

    def test_a_clean_tree_passes(self):
        code, printed = self.check({})
        self.assertEqual((code, printed), (0, "check-layers: 7 files, every include points down\n"))

    def test_an_upward_include_is_found(self):
        self.assert_finds(
            {"src/shard/slot_pool.cc": '#include "shard/slot_pool.h"\n#include "api/core.h"\n',
             "src/api/core.h": ""},
            "src/shard/slot_pool.cc:2: src/shard must not include src/api/core.h (src/api)",
        )

    def test_an_upward_include_relative_to_its_own_folder_is_found(self):
        self.assert_finds(
            {"src/base/list.h": '#include "../shard/slot_pool.h"\n'},
            "src/base/list.h:1: src/base must not include src/shard/slot_pool.h (src/shard)",
        )

    def test_a_public_header_must_not_include_the_library(self):
        self.assert_finds(
            {"include/failover/retry.h": '#include "base/log.h"\n'},
            "include/failover/retry.h:1: headers: buffer must not include src/base/log.h (src/base)",
        )

    def test_a_product_must_not_look_into_the_library(self):
        self.assert_finds(
            {"demo/router.cc": '#include "shard/slot_pool.h"\n'},
            "demo/router.cc:1: demo must not include src/shard/slot_pool.h (src/shard)",
        )

    def test_a_circle_is_found(self):
        self.assert_finds(
            {"src/run/a.h": '#include "run/b.h"\n',
             "src/run/b.h": '#include "run/c.h"\n',
             "src/run/c.h": '#include "run/a.h"\n'},
            "a circle of includes: src/run/a.h -> src/run/b.h -> src/run/c.h -> src/run/a.h",
        )

    def test_an_unknown_place_is_found(self):
        self.assert_finds(
            {"src/cellar/barrel.cc": "#include <string>\n"},
            "src/cellar/barrel.cc: the table of floors does not know this place",
        )

    def test_a_header_of_another_project_on_the_wrong_floor_is_found(self):
        for header in (
            "spdlog/spdlog.h",
            "mysql.h",
            "libpq-fe.h",
            "postgresql/libpq-fe.h",
            "asio.hpp",
            "asio/co_spawn.hpp",
        ):
            with self.subTest(header=header):
                self.assert_finds(
                    {"src/shard/slot_pool.cc": f"#include <{header}>\n"},
                    f"src/shard/slot_pool.cc:1: src/shard must not include <{header}>",
                )

    def test_a_folder_without_source_files_is_no_clean_tree(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [CHECK_LAYERS, folder], capture_output=True, text=True, check=False
            )
        self.assertEqual(done.returncode, 1)
        self.assertIn("no source files", done.stdout)


if __name__ == "__main__":
    unittest.main()
