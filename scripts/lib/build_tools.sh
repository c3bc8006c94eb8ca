# Makes CMake use Ninja and ccache where they are there. Source it before configuring; a build
# folder that exists keeps what it was configured with.
# shellcheck shell=bash

if [[ -z ${CMAKE_GENERATOR-} ]] && command -v ninja >/dev/null; then
  export CMAKE_GENERATOR=Ninja
fi
if [[ -z ${CMAKE_CXX_COMPILER_LAUNCHER-} ]] && command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL-$(nproc)}
export CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL-$(nproc)}
