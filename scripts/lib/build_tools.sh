# Makes CMake use Ninja and ccache where they are there. Source it before configuring; a build
# folder that exists keeps what it was configured with. Clones share what ccache keeps: what is
# compiled in one is not compiled again in the next.
# shellcheck shell=bash

if [[ -z ${CMAKE_GENERATOR-} ]] && command -v ninja >/dev/null; then
  export CMAKE_GENERATOR=Ninja
fi
if [[ -z ${CMAKE_CXX_COMPILER_LAUNCHER-} ]] && command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
CCACHE_BASEDIR=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/../..")
export CCACHE_BASEDIR CCACHE_NOHASHDIR=true
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL-$(nproc)}
export CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL-$(nproc)}
