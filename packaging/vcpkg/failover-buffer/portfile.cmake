# An overlay port: it builds the source tree in which it lies.
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../.." ABSOLUTE)

vcpkg_check_features(OUT_FEATURE_OPTIONS feature_options FEATURES
                     mysql-monitor FAILOVER_MYSQL
                     spdlog FAILOVER_WITH_SPDLOG
                     topology FAILOVER_TOPOLOGY)

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    ${feature_options}
    -DFAILOVER_BUILD_BENCHMARKS=OFF
    -DFAILOVER_BUILD_DEMO=OFF
    -DFAILOVER_BUILD_EXAMPLES=OFF
    -DFAILOVER_BUILD_PROXY=OFF
    -DFAILOVER_BUILD_TESTS=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME failover CONFIG_PATH lib/cmake/failover)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
