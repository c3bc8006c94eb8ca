# Defines the functions that each CMakeLists.txt below uses to declare its targets.

# failover_compile_settings(<target>)
#
# Sets warnings, sanitizers and hidden symbols for one of our targets. The users of the target do
# not get these settings. FAILOVER_UNCHECKED names checks of UndefinedBehaviorSanitizer to leave out.
function(failover_compile_settings target)
  set_target_properties(
    ${target}
    PROPERTIES CXX_EXTENSIONS OFF
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON)
  if(MSVC)
    target_compile_options(${target} PRIVATE /W4 $<$<BOOL:${FAILOVER_WERROR}>:/WX>)
    return()
  endif()
  target_compile_options(
    ${target}
    PRIVATE -Wall
            -Wextra
            -Wpedantic
            -Wshadow
            -Wconversion
            $<$<CXX_COMPILER_ID:Clang,AppleClang>:-Wthread-safety>
            $<$<BOOL:${FAILOVER_WERROR}>:-Werror>)
  if(FAILOVER_SANITIZE)
    string(REPLACE ";" "," sanitizers "${FAILOVER_SANITIZE}")
    target_compile_options(${target} PRIVATE -fsanitize=${sanitizers} -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC $<BUILD_INTERFACE:-fsanitize=${sanitizers}>)
    # clang 14 cannot compile coroutines with -fsanitize=function, which is a part of `undefined`.
    if("undefined" IN_LIST FAILOVER_SANITIZE)
      target_compile_options(${target}
                             PRIVATE $<$<CXX_COMPILER_ID:Clang,AppleClang>:-fno-sanitize=function>)
      if(FAILOVER_UNCHECKED)
        target_compile_options(${target} PRIVATE -fno-sanitize=${FAILOVER_UNCHECKED})
      endif()
    endif()
    # g++ warns that its ThreadSanitizer does not see fences. abseil and Asio have some.
    if("thread" IN_LIST FAILOVER_SANITIZE)
      target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
    endif()
  endif()
endfunction()

# failover_library(<name> SOURCES <file>... [LIBS <argument of target_link_libraries>...]
#                  [EXPORTS <version script>] [SOVERSION <version>])
#
# Adds the library failover_<name>. The name failover::<name> stands for the library here and in the
# installed package. A shared library exposes the names that the version script lists.
function(failover_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "EXPORTS;SOVERSION" "SOURCES;LIBS")
  if(NOT arg_EXPORTS)
    set(arg_EXPORTS ${PROJECT_SOURCE_DIR}/cmake/exports.map)
  endif()
  if(NOT DEFINED arg_SOVERSION)
    set(arg_SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  endif()
  set(target failover_${name})
  add_library(${target} ${arg_SOURCES})
  add_library(failover::${name} ALIAS ${target})
  failover_library_settings(${target} ${arg_LIBS})
  set_target_properties(
    ${target}
    PROPERTIES EXPORT_NAME ${name}
               VERSION ${PROJECT_VERSION}
               SOVERSION ${arg_SOVERSION}
               # The shared libraries find each other in whatever folder they are installed.
               INSTALL_RPATH "$ORIGIN")
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "SHARED_LIBRARY")
    target_compile_definitions(${target} PUBLIC FAILOVER_SHARED PRIVATE FAILOVER_BUILDING)
    if(UNIX AND NOT APPLE)
      target_link_options(${target} PRIVATE LINKER:--version-script=${arg_EXPORTS})
      set_target_properties(${target} PROPERTIES LINK_DEPENDS ${arg_EXPORTS})
    endif()
  endif()
endfunction()

# failover_library_settings(<target> <argument of target_link_libraries>...)
#
# Sets what a library has in common with its static twin for the tests (see src/CMakeLists.txt).
function(failover_library_settings target)
  failover_compile_settings(${target})
  target_compile_features(${target} PUBLIC cxx_std_17)
  # A static library may become part of a module that a host program loads.
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  # g++ inlines no exported function in position independent code unless it is told that nobody
  # replaces the function. Nobody replaces ours.
  target_compile_options(${target}
                         PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-semantic-interposition>)
  target_include_directories(
    ${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} ${ARGN})
endfunction()

# failover_executable(<name> SOURCES <file>... [LIBS <target>...] [STANDARD 17|20])
#
# Adds a program. The default standard is C++17.
function(failover_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "STANDARD" "SOURCES;LIBS")
  if(NOT arg_STANDARD)
    set(arg_STANDARD 17)
  endif()
  add_executable(${name} ${arg_SOURCES})
  failover_compile_settings(${name})
  target_compile_features(${name} PRIVATE cxx_std_${arg_STANDARD})
  target_link_libraries(${name} PRIVATE ${arg_LIBS})
endfunction()

# failover_c_settings(<target>)
#
# Sets warnings and sanitizers for a target in C11. The linker is that of C++, because the library may
# be static.
function(failover_c_settings target)
  set_target_properties(${target} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON
                                             LINKER_LANGUAGE CXX)
  target_compile_options(${target} PRIVATE -Wall -Wextra $<$<BOOL:${FAILOVER_WERROR}>:-Werror>)
  # The sanitizers of two compilers do not fit together.
  if(FAILOVER_SANITIZE AND CMAKE_C_COMPILER_ID STREQUAL CMAKE_CXX_COMPILER_ID)
    string(REPLACE ";" "," sanitizers "${FAILOVER_SANITIZE}")
    target_compile_options(${target} PRIVATE -fsanitize=${sanitizers} -fno-omit-frame-pointer)
  endif()
endfunction()

# failover_c_executable(<name> SOURCES <file>... [LIBS <target>...])
#
# Adds a program in C11 that uses no extension.
function(failover_c_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
  add_executable(${name} ${arg_SOURCES})
  failover_c_settings(${name})
  set_target_properties(${name} PROPERTIES C_EXTENSIONS OFF)
  target_compile_definitions(${name} PRIVATE _POSIX_C_SOURCE=200809L)
  target_compile_options(${name} PRIVATE -pedantic)
  target_link_libraries(${name} PRIVATE ${arg_LIBS})
endfunction()
