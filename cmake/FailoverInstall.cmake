# Installs the libraries, the headers, the CMake package and the pkg-config files.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/failover)

# failover_install_libraries(<export set> <target>...): installs the targets, and the CMake file
# that declares them to users of the package.
function(failover_install_libraries export_set)
  install(TARGETS ${ARGN} EXPORT ${export_set})
  install(EXPORT ${export_set} NAMESPACE failover:: DESTINATION ${package_dir})
endfunction()

# What a program in C must link beside a static library in C++: the compiler of C does not link the
# library of C++ by itself, and that library needs the library of mathematics.
set(libs_of_cxx "")
foreach(library IN ITEMS stdc++ c++ c++abi m)
  if(library IN_LIST CMAKE_CXX_IMPLICIT_LINK_LIBRARIES)
    list(APPEND libs_of_cxx -l${library})
  endif()
endforeach()

# What the users of a static library that logs must link. The pkg-config file of spdlog is not named
# as a requirement, because the users would get its definitions for the compiler, too.
set(libs_of_log "")
if(FAILOVER_WITH_SPDLOG AND NOT BUILD_SHARED_LIBS)
  set(libs_of_log -lspdlog)
  get_target_property(links spdlog::spdlog INTERFACE_LINK_LIBRARIES)
  if("fmt::fmt" IN_LIST links)
    list(APPEND libs_of_log -lfmt)
  endif()
endif()

# failover_install_pkg_config(<module> LIBRARY <name> DESCRIPTION <text>
#                             [REQUIRES <module>...] [PRIVATE <module>...] [LIBS <flag>...])
#
# Writes and installs the pkg-config file of a library. The users of a static library must link its
# private dependencies and the library of C++, too.
function(failover_install_pkg_config module)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LIBRARY;DESCRIPTION" "REQUIRES;PRIVATE;LIBS")
  if(NOT BUILD_SHARED_LIBS)
    list(APPEND arg_REQUIRES ${arg_PRIVATE})
    list(APPEND arg_LIBS ${libs_of_cxx})
  endif()
  list(TRANSFORM arg_LIBS PREPEND " ")
  list(JOIN arg_LIBS "" libs)
  list(JOIN arg_REQUIRES ", " requires)
  # The pkg-config file finds the prefix relative to its own folder, so that the installation can be
  # moved.
  file(RELATIVE_PATH prefix_from_pc ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
  string(REGEX REPLACE "/$" "" prefix_from_pc ${prefix_from_pc})
  configure_file(${PROJECT_SOURCE_DIR}/cmake/failover.pc.in ${module}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${module}.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

failover_install_libraries(failoverTargets failover_buffer failover_flags failover_mysql
                           failover_outcome failover_postgres failover_testing)
failover_install_pkg_config(
  failover
  LIBRARY failover_buffer
  DESCRIPTION ${PROJECT_DESCRIPTION}
  REQUIRES absl_any_invocable absl_function_ref absl_span absl_status absl_statusor absl_time
  PRIVATE absl_cord absl_core_headers absl_hash absl_inlined_vector absl_str_format absl_strings
  LIBS ${libs_of_log})
failover_install_pkg_config(
  failover-flags
  LIBRARY failover_flags
  DESCRIPTION "Command-line flags for failover"
  REQUIRES failover
  PRIVATE absl_flags absl_flags_marshalling absl_strings)
failover_install_pkg_config(
  failover-outcome
  LIBRARY failover_outcome
  DESCRIPTION "Tells for failover whether a statement was executed"
  REQUIRES failover absl_status
  PRIVATE absl_cord absl_strings)
failover_install_pkg_config(
  failover-mysql
  LIBRARY failover_mysql
  DESCRIPTION "Errors of MySQL and MariaDB for failover"
  REQUIRES failover failover-outcome absl_status
  PRIVATE absl_strings)
failover_install_pkg_config(
  failover-postgres
  LIBRARY failover_postgres
  DESCRIPTION "Errors of PostgreSQL for failover"
  REQUIRES failover failover-outcome absl_status
  PRIVATE absl_strings)

set(package_has_watch OFF)
set(package_has_c OFF)
set(package_has_c_mysql OFF)
set(package_has_c_postgres OFF)
set(package_has_monitor OFF)
set(package_has_postgres_monitor OFF)
set(package_has_topology OFF)
set(headers_left_out "")
if(TARGET failover_watch)
  set(package_has_watch ON)
  failover_install_libraries(failoverWatchTargets failover_watch)
  failover_install_pkg_config(
    failover-watch
    LIBRARY failover_watch
    DESCRIPTION "Finds the primary among the servers of a database for failover"
    REQUIRES failover absl_status absl_statusor absl_time
    PRIVATE absl_core_headers absl_strings
    LIBS ${libs_of_log})
else()
  list(APPEND headers_left_out PATTERN failover/watch EXCLUDE PATTERN failover/c EXCLUDE)
endif()
if(TARGET failover_c)
  set(package_has_c ON)
  failover_install_libraries(failoverCTargets failover_c)
  failover_install_pkg_config(
    failover-c
    LIBRARY failover-c
    DESCRIPTION "The C interface of failover"
    PRIVATE failover failover-watch absl_status absl_statusor absl_strings absl_time)
endif()
if(TARGET failover_mysql_monitor)
  set(package_has_monitor ON)
  failover_install_libraries(failoverMysqlMonitorTargets failover_mysql_monitor)
  failover_install_pkg_config(
    failover-mysql-monitor
    LIBRARY failover_mysql_monitor
    DESCRIPTION "Finds the primary among MySQL and MariaDB servers for failover"
    REQUIRES failover failover-watch absl_status absl_statusor absl_time
    PRIVATE absl_strings libmariadb)
else()
  list(APPEND headers_left_out PATTERN mysql/primary_monitor.h EXCLUDE PATTERN
              mysql/monitored_server.h EXCLUDE)
endif()
if(TARGET failover_postgres_monitor)
  set(package_has_postgres_monitor ON)
  failover_install_libraries(failoverPostgresMonitorTargets failover_postgres_monitor)
  failover_install_pkg_config(
    failover-postgres-monitor
    LIBRARY failover_postgres_monitor
    DESCRIPTION "Finds the primary among PostgreSQL servers for failover"
    REQUIRES failover failover-watch absl_status absl_statusor absl_time
    PRIVATE failover-outcome absl_strings libpq)
else()
  list(APPEND headers_left_out PATTERN postgres/primary_monitor.h EXCLUDE PATTERN
              postgres/monitored_server.h EXCLUDE)
endif()
if(TARGET failover_c_mysql)
  set(package_has_c_mysql ON)
  failover_install_libraries(failoverCMysqlTargets failover_c_mysql)
  failover_install_pkg_config(
    failover-c-mysql
    LIBRARY failover-c-mysql
    DESCRIPTION "MySQL and MariaDB for the C interface of failover"
    REQUIRES failover-c
    PRIVATE failover failover-mysql failover-mysql-monitor failover-outcome failover-watch absl_status
            absl_statusor absl_strings absl_time)
else()
  list(APPEND headers_left_out PATTERN c/mysql.h EXCLUDE)
endif()
if(TARGET failover_c_postgres)
  set(package_has_c_postgres ON)
  failover_install_libraries(failoverCPostgresTargets failover_c_postgres)
  failover_install_pkg_config(
    failover-c-postgres
    LIBRARY failover-c-postgres
    DESCRIPTION "PostgreSQL for the C interface of failover"
    REQUIRES failover-c
    PRIVATE failover failover-outcome failover-postgres failover-postgres-monitor failover-watch
            absl_status absl_statusor absl_strings absl_time)
else()
  list(APPEND headers_left_out PATTERN c/postgres.h EXCLUDE)
endif()

if(TARGET failover_topology)
  set(package_has_topology ON)
  failover_install_libraries(failoverTopologyTargets failover_topology)
  failover_install_pkg_config(
    failover-topology
    LIBRARY failover_topology
    DESCRIPTION "Learns of leaders and planned switchovers from topology services for failover"
    REQUIRES failover absl_status absl_statusor absl_time
    PRIVATE failover-watch absl_core_headers absl_strings libcurl
    LIBS ${libs_of_log})
else()
  list(APPEND headers_left_out PATTERN failover/topology EXCLUDE)
endif()

install(DIRECTORY include/failover DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h" ${headers_left_out})

set(package_is_static ON)
if(BUILD_SHARED_LIBS)
  set(package_is_static OFF)
endif()
set(package_needs_spdlog OFF)
if(package_is_static AND FAILOVER_WITH_SPDLOG)
  set(package_needs_spdlog ON)
endif()
configure_package_config_file(cmake/failoverConfig.cmake.in failoverConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
# Before 1.0 a new minor version may change the API.
write_basic_package_version_file(failoverConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/failoverConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/failoverConfigVersion.cmake DESTINATION ${package_dir})
