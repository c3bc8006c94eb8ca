# Makes CMake use Ninja and ccache where they are installed. Source this file before CMake
# configures a build folder: an existing folder keeps the tools that it was configured with.
# shellcheck shell=bash

if [[ -z ${CMAKE_GENERATOR-} ]] && command -v ninja >/dev/null; then
  export CMAKE_GENERATOR=Ninja
fi
if [[ -z ${CMAKE_CXX_COMPILER_LAUNCHER-} ]] && command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
# With relative paths two clones share their objects, if their build folders lie equally deep. With
# absolute paths (an empty CCACHE_BASEDIR) all build folders of one clone share theirs.
CCACHE_BASEDIR=${CCACHE_BASEDIR-$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/../..")}
export CCACHE_BASEDIR CCACHE_NOHASHDIR=true
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL-$(nproc)}
export CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL-$(nproc)}
# ccache takes precompiled headers only if it may ignore macros that it cannot see and __TIME__,
# which our code does not use.
export CCACHE_SLOPPINESS=pch_defines,time_macros
