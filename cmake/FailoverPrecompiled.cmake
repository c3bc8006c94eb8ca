# Precompiled headers halve the time that the compiler takes for a test or a file of the proxies.
# They hold headers of other projects only, because a change to a header in a precompiled one
# compiles everything anew. The preset thread-safety checks our includes without them.

# failover_precompile(<target> <standard> <name>...)
#
# Gives the target precompiled headers, which all targets with the same arguments share. The target
# must use the C++ standard <standard>. The names are: std, absl, gmock, asio.
function(failover_precompile target standard)
  if(NOT FAILOVER_PRECOMPILE)
    return()
  endif()
  list(JOIN ARGN _ names)
  set(precompiled failover_precompiled_${names}_${standard})
  if(NOT TARGET ${precompiled})
    failover_add_precompiled(${precompiled} ${standard} ${ARGN})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${precompiled})
endfunction()

set(failover_headers_of_std
    <algorithm> <atomic> <chrono> <functional> <map> <memory> <mutex> <optional> <string>
    <string_view> <thread> <utility> <vector>)
set(failover_headers_of_absl <absl/status/status.h> <absl/status/statusor.h>
                             <absl/strings/str_cat.h> <absl/time/time.h>)
set(failover_headers_of_gmock <gmock/gmock.h> <gtest/gtest.h>)
set(failover_headers_of_asio
    <asio/awaitable.hpp>
    <asio/basic_stream_socket.hpp>
    <asio/basic_waitable_timer.hpp>
    <asio/co_spawn.hpp>
    <asio/io_context.hpp>
    <asio/ip/tcp.hpp>
    <asio/redirect_error.hpp>
    <asio/use_awaitable.hpp>)

function(failover_add_precompiled target standard)
  set(source ${PROJECT_BINARY_DIR}/precompiled.cc)
  if(NOT EXISTS ${source})
    file(WRITE ${source} "")
  endif()
  add_library(${target} OBJECT ${source})
  failover_compile_settings(${target})
  target_compile_features(${target} PRIVATE cxx_std_${standard})
  target_link_libraries(${target} PRIVATE absl::status absl::statusor absl::strings absl::time)
  foreach(name IN LISTS ARGN)
    if(name STREQUAL gmock)
      target_link_libraries(${target} PRIVATE GTest::gmock)
    elseif(name STREQUAL asio)
      target_include_directories(${target} SYSTEM PRIVATE ${ASIO_INCLUDE_DIR})
      target_compile_definitions(
        ${target} PRIVATE $<TARGET_PROPERTY:failover_proxy_core,INTERFACE_COMPILE_DEFINITIONS>)
      # The proxies do not hide their symbols (proxy/CMakeLists.txt), and types that come out of a
      # precompiled header keep the visibility that they had there.
      set_target_properties(${target} PROPERTIES CXX_VISIBILITY_PRESET default
                                                 VISIBILITY_INLINES_HIDDEN OFF)
    endif()
    target_precompile_headers(${target} PRIVATE ${failover_headers_of_${name}})
  endforeach()
endfunction()
