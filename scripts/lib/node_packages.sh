# Installs packages of node. Source this file: it defines a function.
# shellcheck shell=bash

# install_node_packages <folder> <target>
#
# Installs what the package-lock.json of the folder names below the target, unless it is there
# already. Needs the network the first time.
install_node_packages() {
  local folder=$1
  local target=$2
  local installed=$target/installed.json
  if cmp --silent -- "$folder/package-lock.json" "$installed"; then
    return
  fi
  mkdir -p -- "$target"
  cp -- "$folder/package.json" "$folder/package-lock.json" "$folder/.npmrc" "$target"
  npm ci --prefix "$target" --ignore-scripts
  cp -- "$folder/package-lock.json" "$installed"
}
