# Installs Debian packages. Source it; it only defines things.
# shellcheck shell=bash

# Needed to build the library, its tests and benchmarks, and its examples; to run real databases;
# to put load on the proxy in front of them; and to look for bugs. The databases come without the
# packages that start a server of their own.
# shellcheck disable=SC2034  # used by the scripts that source this file
{
  BUILD_PACKAGES=(g++ cmake ninja-build ccache pkg-config libabsl-dev libspdlog-dev)
  TEST_PACKAGES=(libgtest-dev libgmock-dev libbenchmark-dev)
  EXAMPLE_PACKAGES=(libasio-dev libssl-dev)
  DATABASE_PACKAGES=(libmariadb-dev mariadb-server-core mariadb-client-core)
  PROXY_PACKAGES=(sysbench haproxy valgrind)
  CLANG_PACKAGES=(clang libclang-rt-dev clang-format clang-tidy shellcheck)
}

# install_packages <package>...
#
# Installs those that are missing, as root or through sudo. On a system without apt it names them
# and goes on: the build says what it cannot find.
install_packages() {
  local package
  local missing=()
  if ! command -v apt-get >/dev/null; then
    echo "No apt-get here. Please see to it that these (by their Debian names) are installed: $*"
    return 0
  fi
  for package in "$@"; do
    dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null |
      grep -qx installed || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    return 0
  fi

  local as_root=()
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      echo "These packages are missing, and there is neither root nor sudo: ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  local apt_get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Acquire::http::Timeout=60)
  echo "Installing ${missing[*]}"
  "${apt_get[@]}" update
  "${apt_get[@]}" install --no-install-recommends "${missing[@]}"
}
