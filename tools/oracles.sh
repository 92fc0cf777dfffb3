#!/bin/bash
# Makes what the tests are held against and Debian does not carry: a Python environment with numpy, ml_dtypes,
# gmpy2 (MPFR), softfloatpy (Berkeley SoftFloat), bochscpu-python (the processor of Bochs) and tinygrad (a driver
# for AMD GPUs), then whatever tools/oracle/fetch-*.sh fetch. Prints the path of that environment's interpreter.
#
# What fails is fatal where CI=true, since a test without its oracle fails there; elsewhere it is a warning,
# and the tests concerned are skipped by name.
set -u -o pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export DOORBELL_ORACLES=${DOORBELL_ORACLES:-${XDG_CACHE_HOME:-$HOME/.cache}/doorbell/oracles}
oracles=$DOORBELL_ORACLES
requirements=("numpy>=1.26,<3" "ml_dtypes>=0.5,<1" "gmpy2>=2.2,<3" "softfloatpy>=1.2,<2" "bochscpu-python==0.4.0"
  "tinygrad==0.14.0")
# Debian's python3-venv belongs to Debian's interpreter; another may come first in PATH.
python=/usr/bin/python3
[[ -x $python ]] || python=python3
stamp="${requirements[*]} $("$python" --version 2>&1)"

lack() {
  echo "doorbell: $*" >&2
  [[ ${CI:-} != true ]] || exit 1
}

# Built beside its place and renamed, so that an interrupted run leaves no half environment. (After the
# rename bin/pip names a folder that is gone; `python -m pip` works.)
make_python() {
  local work=$oracles/python.new log=$oracles/python.log
  rm -rf "$work"
  if ! { "$python" -m venv "$work" &&
    "$work/bin/python3" -m pip --disable-pip-version-check install --quiet --no-input --only-binary=:all: "${requirements[@]}"; } \
    >"$log" 2>&1 </dev/null; then
    rm -rf "$work"
    lack "cannot install ${requirements[*]} from the Python package index: $(grep -E 'ERROR|Error' "$log" | tail -n 1 | cut -c1-300)"
    return 1
  fi
  echo "$stamp" >"$work/stamp"
  rm -rf "$oracles/python" && mv "$work" "$oracles/python"
}

mkdir -p "$oracles" || exit 1
exec 7>"$oracles/python.lock"
flock 7
if [[ "$(cat "$oracles/python/stamp" 2>/dev/null)" != "$stamp" ]]; then
  echo "doorbell: making a Python environment with ${requirements[*]} in $oracles/python" >&2
  make_python
fi
exec 7>&-

for script in "$root"/tools/oracle/fetch-*.sh; do
  [[ ! -e $script ]] || bash "$script" >/dev/null </dev/null || lack "${script##*/} failed; tests that need it are skipped"
done

if [[ -x $oracles/python/bin/python3 ]]; then echo "$oracles/python/bin/python3"; else command -v "$python"; fi
