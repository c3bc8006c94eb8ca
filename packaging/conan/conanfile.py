"""The recipe for Conan 2. It builds the source tree in which it lies."""

import os

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, rmdir


class FailoverBuffer(ConanFile):
    name = "failover-buffer"
    version = "0.1.0"
    description = "Holds requests while a shard's primary fails over"
    license = "BSD-3-Clause"
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "with_spdlog": [True, False]}
    default_options = {"shared": False, "with_spdlog": True}
    generators = ("CMakeDeps",)

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "src/*"):
            copy(self, pattern, src=root, dst=self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        self.requires("abseil/[>=20220623]", transitive_headers=True)
        if self.options.with_spdlog:
            self.requires("spdlog/[>=1.10 <2]")

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("BENCHMARKS", "DEMO", "EXAMPLES", "PROXY", "TESTS"):
            toolchain.cache_variables[f"FAILOVER_BUILD_{part}"] = False
        for module in ("MYSQL", "POSTGRES", "TOPOLOGY"):
            toolchain.cache_variables[f"FAILOVER_{module}"] = "OFF"
        toolchain.cache_variables["FAILOVER_WITH_SPDLOG"] = bool(self.options.with_spdlog)
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(
            self,
            "LICENSE",
            src=self.source_folder,
            dst=os.path.join(self.package_folder, "licenses"),
        )
        CMake(self).install()
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))

    def package_info(self):
        # The package brings its own CMake package, with all of its targets.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs.append(os.path.join("lib", "cmake", "failover"))
