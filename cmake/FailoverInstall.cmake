# Installs the libraries, the headers, the CMake package and the pkg-config files.
include(CMakePackageConfigHelpers)
