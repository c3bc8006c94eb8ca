#!/usr/bin/env python3
"""Tests scripts/lib/check_packages.py with a copy of the files in which one thing is wrong."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
CHECK = ROOT / "scripts/lib/check_packages.py"


class CheckPackagesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name in ("include", "src", "debian", "packaging"):
            shutil.copytree(ROOT / name, self.root / name)
        for name in ("BUILD.bazel", "MODULE.bazel", "CMakeLists.txt"):
            shutil.copy(ROOT / name, self.root / name)

    def check(self):
        run = subprocess.run([sys.executable, "-B", CHECK, self.root], capture_output=True, text=True)
        return run.returncode, run.stdout

    def expect(self, name, old, new, problem):
        path = self.root / name
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new))
        code, output = self.check()
        self.assertEqual(code, 1)
        self.assertIn(problem, output)

    def test_the_files_are_right(self):
        self.assertEqual(self.check()[0], 0, self.check()[1])

    def test_a_source_that_bazel_lacks(self):
        self.expect("BUILD.bazel", '"src/api/stats.cc",', "", "BUILD.bazel: buffer: the sources")

    def test_a_header_that_no_target_has(self):
        (self.root / "include/failover/new").mkdir()
        (self.root / "include/failover/new/header.h").write_text("")
        self.assertIn("include/failover/new/header.h belongs to no target", self.check()[1])

    def test_a_header_that_is_not_in_reach(self):
        self.expect("BUILD.bazel", 'glob(["include/failover/watch/*.h"])', "[]",
                    "includes include/failover/watch/")

    def test_a_dependency_that_bazel_lacks(self):
        self.expect("BUILD.bazel", '"@abseil-cpp//absl/types:span",', "",
                    "BUILD.bazel: buffer: the dependencies")

    def test_a_module_that_is_not_declared(self):
        self.expect("MODULE.bazel", 'name = "abseil-cpp"', 'name = "abseil"',
                    "no bazel_dep for abseil-cpp")

    def test_another_version(self):
        for name in ("MODULE.bazel", "packaging/vcpkg/failover-buffer/vcpkg.json",
                     "packaging/conan/conanfile.py", "debian/changelog"):
            with self.subTest(name=name):
                shutil.copy(ROOT / name, self.root / name)
                self.expect(name, "0.1.0", "0.9.0", "the version: 0.9.0")
                shutil.copy(ROOT / name, self.root / name)

    def test_an_option_that_cmake_does_not_have(self):
        for name in ("packaging/vcpkg/failover-buffer/portfile.cmake", "debian/rules"):
            with self.subTest(name=name):
                self.expect(name, "FAILOVER_BUILD_DEMO", "FAILOVER_BUILD_DEMOS",
                            "CMake has no option FAILOVER_BUILD_DEMOS")
                shutil.copy(ROOT / name, self.root / name)

    def test_a_feature_that_does_nothing(self):
        self.expect("packaging/vcpkg/failover-buffer/portfile.cmake", "spdlog FAILOVER_WITH_SPDLOG", "",
                    "the feature spdlog sets no option")


if __name__ == "__main__":
    unittest.main()
