#!/usr/bin/env python3
"""Checks the files for package managers that do not run at each check: Bazel, vcpkg and Conan.

usage: check_packages.py <root>

- All files name one version, and Debian's packages of the libraries have the numbers of their ABIs.
- BUILD.bazel has the targets of CMake with the same sources and the same parts of abseil, each public
  header belongs to one target, and each target sees every file that its sources include.
- Each option of CMake that the files for vcpkg, Conan and Debian set is one, and each feature of the
  vcpkg port is used.

BUILD.bazel and MODULE.bazel are run as Python with the rules replaced: Starlark is a part of Python,
but for `load`, which is a function here, too. The recipe for Conan is run with a stand-in for Conan.
"""

import fnmatch
import json
import pathlib
import re
import sys
import types

# What CMake builds and BUILD.bazel does not: monitors need the client libraries of databases, the
# feeds of topology services need libcurl, and the log of spdlog needs spdlog.
NOT_IN_BAZEL = {"c_mysql", "c_postgres", "mysql_monitor", "postgres_monitor", "topology"}
WITHOUT_SPDLOG = {"base/spdlog_logger.cc": "base/no_spdlog_logger.cc"}
PUBLIC_NOT_IN_BAZEL = {
    f"include/failover/{database}/{name}.h"
    for database in ("mysql", "postgres")
    for name in ("monitored_server", "primary_monitor")
} | {f"include/failover/topology/{name}.h" for name in ("etcd_options", "patroni_feed")} | {
    f"include/failover/c/{name}.h" for name in ("mysql", "postgres")
}
# Names of abseil's targets that differ between CMake and Bazel.
CMAKE_NAMES = {"flag": "flags", "marshalling": "flags_marshalling"}


class Problems(list):
    def compare(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            self.append(f"{what}: {found}, but CMake has {wanted}")


# ---- CMake ---------------------------------------------------------------------------------------


class CMakeLists:
    """What src/ says in calls of set() and failover_library()."""

    def __init__(self, root: pathlib.Path):
        self.variables: dict[str, list[str]] = {"failover_log_libs": []}
        self.sources: dict[str, set[str]] = {"testing": set()}
        self.libs: dict[str, set[str]] = {"testing": {"failover::buffer"}}
        for file in sorted((root / "src").rglob("CMakeLists.txt")):
            folder = file.parent.relative_to(root).as_posix()
            text = re.sub(r"#.*", "", file.read_text(encoding="utf-8"))
            for call in re.finditer(r"\b(set|failover_library)\(([^()]*)\)", text):
                words = call.group(2).split()
                if call.group(1) == "set":
                    self.variables.setdefault(words[0], words[1:])
                else:
                    self.add_library(folder, words)

    def expand(self, words: list[str]) -> list[str]:
        result = []
        for word in words:
            match = re.fullmatch(r"\$\{(\w+)\}", word)
            result += self.expand(self.variables[match.group(1)]) if match else [word]
        return result

    def add_library(self, folder: str, words: list[str]) -> None:
        name, libs = words[0], words.index("LIBS")
        sources = self.expand(words[words.index("SOURCES") + 1 : libs])
        self.sources[name] = {f"{folder}/{WITHOUT_SPDLOG.get(s, s)}" for s in sources}
        ends = [words.index(word) for word in ("EXPORTS", "SOVERSION") if word in words]
        last = min(ends, default=len(words))
        self.libs[name] = set(self.expand(words[libs + 1 : last])) - {"PUBLIC", "PRIVATE"}


# ---- Bazel ---------------------------------------------------------------------------------------


class Bazel:
    def __init__(self, root: pathlib.Path):
        self.root = root
        self.libraries: dict[str, dict] = {}
        self.module: dict[str, str] = {}
        self.dependencies: dict[str, str] = {}
        self.run(
            "BUILD.bazel",
            cc_library=self.cc_library,
            exports_files=lambda names: None,
            glob=self.glob,
            licenses=lambda names: None,
            load=lambda *names: None,
            package=lambda **arguments: None,
        )
        self.run(
            "MODULE.bazel",
            module=lambda **arguments: self.module.update(arguments),
            bazel_dep=lambda name, version: self.dependencies.update({name: version}),
        )

    def run(self, name: str, **rules: object) -> None:
        text = (self.root / name).read_text(encoding="utf-8")
        rules["__builtins__"] = {"True": True, "False": False}
        exec(compile(text, name, "exec"), rules)  # pylint: disable=exec-used

    def glob(self, include: list[str], exclude: tuple[str, ...] = ()) -> list[str]:
        found = {p.relative_to(self.root).as_posix() for i in include for p in self.root.glob(i)}
        return sorted(f for f in found if not any(fnmatch.fnmatch(f, e) for e in exclude))

    def cc_library(self, name: str, **arguments: object) -> None:
        known = {"srcs", "hdrs", "deps", "linkopts", "strip_include_prefix", "testonly", "visibility"}
        if unknown := set(arguments) - known:
            raise ValueError(f"BUILD.bazel: {name}: unknown arguments {unknown}")
        self.libraries[name] = arguments

    def files_seen_by(self, name: str) -> set[str]:
        library = self.libraries[name]
        files = set(library.get("srcs", [])) | set(library.get("hdrs", []))
        for dependency in library.get("deps", []):
            if dependency.startswith(":"):
                files |= self.files_seen_by(dependency[1:])
        return files


def included_files(root: pathlib.Path, path: str) -> set[str]:
    text = (root / path).read_text(encoding="utf-8")
    files = set()
    for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.MULTILINE):
        for folder in ("include", "src"):
            if (root / folder / name).is_file():
                files.add(f"{folder}/{name}")
    return files


def check_includes(bazel: Bazel, name: str, problems: Problems) -> None:
    library = bazel.libraries[name]
    seen = bazel.files_seen_by(name)
    todo = set(library.get("srcs", [])) | set(library.get("hdrs", []))
    done: set[str] = set()
    while todo:
        path = todo.pop()
        done.add(path)
        for included in included_files(bazel.root, path):
            if included not in seen:
                problems.append(f"BUILD.bazel: {name}: {path} includes {included}, which no "
                                "dependency has")
            elif included not in done:
                todo.add(included)


def check_bazel(bazel: Bazel, cmake: CMakeLists, problems: Problems) -> None:
    problems.compare("BUILD.bazel: the targets", sorted(set(bazel.libraries) - {"private_headers"}),
                     sorted(set(cmake.sources) - NOT_IN_BAZEL))
    owners: dict[str, list[str]] = {}
    for name, library in bazel.libraries.items():
        for header in library.get("hdrs", []):
            owners.setdefault(header, []).append(name)
        if name == "private_headers" or name not in cmake.sources:
            continue
        problems.compare(f"BUILD.bazel: {name}: the sources", sorted(library.get("srcs", [])),
                         sorted(cmake.sources[name]))
        deps = library["deps"]
        ours = {f"failover::{d[1:]}" for d in deps if d.startswith(":") and d != ":private_headers"}
        abseil = {re.split("[:/]", d)[-1] for d in deps if d.startswith("@abseil-cpp//")}
        abseil = {f"absl::{CMAKE_NAMES.get(a, a)}" for a in abseil}
        problems.compare(f"BUILD.bazel: {name}: the dependencies", sorted(ours | abseil),
                         sorted(lib for lib in cmake.libs[name] if lib != "Threads::Threads"))
        check_includes(bazel, name, problems)
    public = {p.relative_to(bazel.root).as_posix()
              for p in (bazel.root / "include").rglob("*.h")} - PUBLIC_NOT_IN_BAZEL
    for header in sorted(public):
        if len(owners.get(header, [])) != 1:
            problems.append(f"BUILD.bazel: {header} belongs to {owners.get(header, 'no target')}")
    for dependency in {d[1:].split("//")[0] for library in bazel.libraries.values()
                       for d in library.get("deps", []) if d.startswith("@")}:
        if dependency not in bazel.dependencies:
            problems.append(f"MODULE.bazel: no bazel_dep for {dependency}")


# ---- Conan, vcpkg and the versions ---------------------------------------------------------------


def conan_recipe(root: pathlib.Path) -> type:
    class Anything:
        def __init__(self, *arguments: object):
            pass

    names = {
        "conan": {"ConanFile": Anything},
        "conan.tools": {},
        "conan.tools.cmake": {"CMake": Anything, "CMakeToolchain": Anything, "cmake_layout": None},
        "conan.tools.files": {"copy": None, "rmdir": None},
    }
    for name, members in names.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(members)
    scope: dict[str, object] = {}
    path = root / "packaging/conan/conanfile.py"
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), scope)
    return scope["FailoverBuffer"]


def check_versions(root: pathlib.Path, bazel: Bazel, problems: Problems) -> None:
    cmake = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    version = re.search(r"project\([^)]*?VERSION\s+(\S+)", cmake, re.DOTALL).group(1)
    changelog = (root / "debian/changelog").read_text(encoding="utf-8")
    port = json.loads((root / "packaging/vcpkg/failover-buffer/vcpkg.json").read_text("utf-8"))
    problems.compare("MODULE.bazel: the version", bazel.module["version"], version)
    problems.compare("vcpkg.json: the version", port["version"], version)
    problems.compare("conanfile.py: the version", conan_recipe(root).version, version)
    problems.compare("debian/changelog: the version", re.search(r"\((.*?)\)", changelog).group(1),
                     version)
    c_library = (root / "src/c/CMakeLists.txt").read_text(encoding="utf-8")
    control = (root / "debian/control").read_text(encoding="utf-8")
    for package in ("libfailover-buffer" + ".".join(version.split(".")[:2]),
                    "libfailover-c" + re.search(r"SOVERSION\s+(\d+)", c_library).group(1)):
        known = f"\nPackage: {package}\n" in control
        if not known or not (root / f"debian/{package}.install").exists():
            problems.append(f"debian: there is no package {package}")


def check_options(root: pathlib.Path, problems: Problems) -> None:
    cmake = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    known = set(re.findall(r"\b(?:option|set)\((FAILOVER_\w+)", cmake))
    parts = set(re.findall(r"FAILOVER_BUILD_(\w+)", cmake))
    conan = (root / "packaging/conan/conanfile.py").read_text(encoding="utf-8")
    port = (root / "packaging/vcpkg/failover-buffer/portfile.cmake").read_text(encoding="utf-8")
    rules = (root / "debian/rules").read_text(encoding="utf-8")
    for name, text in (("conanfile.py", conan), ("portfile.cmake", port), ("rules", rules)):
        for option in re.findall(r"(FAILOVER_[A-Z_]+[A-Z])\b", text):
            if option not in known:
                problems.append(f"{name}: CMake has no option {option}")
        for part in sorted(parts):
            named = re.search(rf"FAILOVER_BUILD_{part}\b|\"{part}\"", text)
            if not named and not (part == "TESTS" and "BUILD_TESTING=OFF" in text):
                problems.append(f"{name}: nothing is said of FAILOVER_BUILD_{part}")
    manifest = json.loads((root / "packaging/vcpkg/failover-buffer/vcpkg.json").read_text("utf-8"))
    for feature in manifest["features"]:
        if not re.search(rf"^\s*{feature} FAILOVER_", port, re.MULTILINE):
            problems.append(f"portfile.cmake: the feature {feature} sets no option")


def main() -> int:
    root = pathlib.Path(sys.argv[1]).resolve()
    problems = Problems()
    bazel = Bazel(root)
    check_bazel(bazel, CMakeLists(root), problems)
    check_versions(root, bazel, problems)
    check_options(root, problems)
    for problem in problems:
        print(problem)
    if problems:
        print(f"check-packages: {len(problems)} things are wrong")
        return 1
    print(f"check-packages: {len(bazel.libraries)} targets of Bazel, vcpkg, Conan and Debian agree "
          "with CMake")
    return 0


if __name__ == "__main__":
    sys.exit(main())
