# Installs Debian packages. Source this file: it defines lists of packages and a function.
# shellcheck shell=bash

# Each list serves one purpose. Build: the library. Test: tests, benchmarks, mutants and scripts in
# Python. Example: the proxy, and the examples of other runtimes. Database: real servers; these
# packages bring the programs without starting a server. Postgres: the programs of a PostgreSQL
# server, its client library, and its grammar as a library. Topology: the libraries that speak to
# topology services, and an etcd; with systemd, the package of etcd starts a server on port 2379,
# which no test uses. Nginx: a host of a module of this project; with systemd, the package starts a
# server on port 80, which no test uses. Proxy: load on the proxies, their rivals, and a driver of
# MySQL, and what MariaDB's own tests need; with systemd, the package of PgBouncer starts a server on
# port 6432, which no test uses. Monitoring: Prometheus and promtool; with systemd, the package starts
# a server on port 9090, which no test uses. Browser: the test of the status page. Driver: drivers of
# PostgreSQL; that of node comes from npm. Node: for these two; a node that is installed already may
# bring its own npm. Document: the reference. Debian: packages of this project, and a new system to
# install them in. Bazel: the build with Bazel. Clang: the analyses and the fuzzers. Model: the model
# checker.
# shellcheck disable=SC2034  # the scripts that source this file use the lists
{
  BUILD_PACKAGES=(g++ cmake ninja-build ccache pkg-config libabsl-dev libspdlog-dev)
  TEST_PACKAGES=(libgtest-dev libgmock-dev libbenchmark-dev python3 patch abigail-tools)
  EXAMPLE_PACKAGES=(libasio-dev libssl-dev libsodium-dev libboost1.81-dev libboost-fiber1.81-dev
    libuv1-dev libevent-dev)
  DATABASE_PACKAGES=(libmariadb-dev mariadb-server-core mariadb-client-core)
  POSTGRES_PACKAGES=(postgresql-15 libpq-dev libpg-query-dev libprotobuf-c-dev)
  TOPOLOGY_PACKAGES=(libcurl4-openssl-dev nlohmann-json3-dev etcd-server etcd-client patroni
    python3-etcd)
  NGINX_PACKAGES=(nginx libnginx-mod-stream nginx-dev)
  PROXY_PACKAGES=(sysbench haproxy pgbouncer valgrind python3-pymysql python3-nacl
    python3-cryptography perl libpcre2-posix3)
  MONITORING_PACKAGES=(prometheus)
  NODE_PACKAGES=()
  command -v npm >/dev/null || NODE_PACKAGES+=(nodejs npm)
  BROWSER_PACKAGES=(chromium fonts-dejavu-core "${NODE_PACKAGES[@]}")
  DRIVER_PACKAGES=(python3-psycopg2 python3-psycopg python3-asyncpg golang-go
    golang-github-lib-pq-dev golang-github-jackc-pgx-v4-dev default-jdk-headless
    libpostgresql-jdbc-java "${NODE_PACKAGES[@]}")
  DOCUMENT_PACKAGES=(doxygen)
  DEBIAN_PACKAGES=(debhelper dpkg-dev mmdebstrap)
  BAZEL_PACKAGES=(bazel-bootstrap bazel-rules-java bazel-rules-proto bazel-platforms)
  CLANG_PACKAGES=(clang libclang-rt-dev clang-format clang-tidy shellcheck)
  MODEL_PACKAGES=(spin gcc)
}

# install_packages <package>...
#
# Installs the packages that are missing, as root or through sudo. On a system without apt the
# function names the packages and succeeds: the build then says what it cannot find.
install_packages() {
  local package
  local missing=()
  if ! command -v apt-get >/dev/null; then
    echo "There is no apt-get here. Please install these packages (Debian's names) yourself: $*"
    return 0
  fi
  for package in "$@"; do
    dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null |
      grep -qx installed || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    return 0
  fi

  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    echo "These packages are missing: ${missing[*]}. To install them this needs root or sudo." >&2
    return 1
  fi
  local apt_get=(_as_root env DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Acquire::http::Timeout=60)
  if [[ " ${missing[*]} " == *" postgresql-"* ]]; then
    forbid_postgres_cluster
  fi
  echo "Installing ${missing[*]}"
  "${apt_get[@]}" update
  "${apt_get[@]}" install --no-install-recommends "${missing[@]}"
}

# unpack_packages <folder> <package>...
#
# Unpacks packages into a folder, where nothing of them starts, and which needs no root. What the
# folder has already stays.
unpack_packages() {
  local folder=$1 package archives
  shift
  archives=$folder/archives
  mkdir -p -- "$archives"
  for package in "$@"; do
    if [[ -e $archives/$package.unpacked ]]; then continue; fi
    echo "Unpacking $package"
    rm -f -- "$archives/$package"_*.deb
    # The lists of packages may be older than what the archive has.
    _download_package "$archives" "$package" ||
      { _as_root apt-get --quiet update && _download_package "$archives" "$package"; } || return
    dpkg-deb --extract "$archives/$package"_*.deb "$folder" || return
    touch -- "$archives/$package.unpacked"
    rm -f -- "$archives/$package"_*.deb
  done
}

# _download_package <folder> <package>
_download_package() {
  (cd -- "$1" && apt-get --quiet -o Acquire::Retries=3 -o Acquire::http::Timeout=60 download "$2")
}

# Runs a command as root, maybe through sudo.
_as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# Debian's package of PostgreSQL makes a cluster of its own and starts a server, unless this file
# says otherwise. The tests need the programs only. A file that is there already stays as it is.
forbid_postgres_cluster() {
  local file=/etc/postgresql-common/createcluster.conf
  if [[ ! -e $file ]]; then
    _as_root mkdir -p -- "${file%/*}"
    echo 'create_main_cluster = false' | _as_root tee -- "$file" >/dev/null
  fi
}
