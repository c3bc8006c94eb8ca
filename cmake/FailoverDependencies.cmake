# Finds abseil, spdlog and threads. Downloads a package that is not installed, if
# FAILOVER_FETCH_DEPS allows that. Takes the targets that a parent project has added already as they
# are.
include(FetchContent)

# failover_dependency(<package> <one target of the package> <git repository> <tag>)
function(failover_dependency package target repository tag)
  if(TARGET ${target})
    return()
  endif()
  find_package(${package} CONFIG QUIET)
  if(TARGET ${target})
    message(STATUS "Found ${package} ${${package}_VERSION}: ${${package}_DIR}")
    return()
  endif()
  if(NOT FAILOVER_FETCH_DEPS)
    message(FATAL_ERROR "failover needs ${package}, which was not found. Install it, or allow the "
                        "build to download it: -DFAILOVER_FETCH_DEPS=ON")
  endif()
  message(STATUS "Downloading ${package} ${tag} from ${repository}")
  # Our exported targets name targets of the package, so our install needs an install of the
  # package. The package may become part of a shared library, so its code is position independent.
  # Its headers are system headers, because our warnings do not apply to them.
  set(ABSL_ENABLE_INSTALL ${FAILOVER_INSTALL})
  set(ABSL_PROPAGATE_CXX_STD ON)
  set(ABSL_USE_SYSTEM_INCLUDES ON)
  set(SPDLOG_INSTALL ${FAILOVER_INSTALL})
  set(SPDLOG_SYSTEM_INCLUDES ON)
  set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  FetchContent_Declare(${package} GIT_REPOSITORY ${repository} GIT_TAG ${tag} GIT_SHALLOW ON)
  FetchContent_MakeAvailable(${package})
endfunction()

failover_dependency(absl absl::status https://github.com/abseil/abseil-cpp.git 20240722.0)
if(FAILOVER_WITH_SPDLOG)
  failover_dependency(spdlog spdlog::spdlog https://github.com/gabime/spdlog.git v1.15.2)
endif()
find_package(Threads REQUIRED)

# CMake shows imported targets only to the directory that found them and to the directories below. A
# parent project that links our targets needs them, too.
get_directory_property(failover_imported_targets IMPORTED_TARGETS)
foreach(target IN LISTS failover_imported_targets)
  set_target_properties(${target} PROPERTIES IMPORTED_GLOBAL TRUE)
endforeach()
