#!/usr/bin/env bash
# make setup: the virtual environment .venv with pinned packages, made once and brought up to date when the pins change.
# While it is made it holds a file `unfinished`, at the end `ready`: what was cut short is made anew.
set -euo pipefail
cd -P "$(dirname "$0")"
python=${1:-python3}
supported="3.11 3.12 3.13" # as in pyproject.toml

stop() {
  echo "make setup: $1" >&2
  exit 1
}

# Scripts name the folder that they were installed in, so an environment that was moved or copied is not whole.
whole() {
  [ -f .venv/ready ] && [ -x .venv/bin/python ] && grep -qF "$PWD/.venv/bin/python" .venv/bin/pip
}

up_to_date() {
  for file in pyproject.toml setup.py constraints.txt; do
    [ ! "$file" -nt .venv/ready ] || return 1
  done
}

check_python() {
  local found
  found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || found="not to be had"
  [[ " $supported " == *" $found "* ]] ||
    stop "needs one of Python $supported, and $python is $found. Name one that you have: make setup PYTHON=python3.12"
}

# Of pip's hundreds of lines: the large files, and that it unpacks, which it does in silence.
briefly() {
  awk '/(Downloading|Using cached) .*[.]whl/ && (/GB/ || substr($(NF - 1), 2) + 0 >= 50 && /MB/) {
         sub(/-(cp|py)[0-9].*/, "", $(NF - 2)); print "   " $(NF - 2), $(NF - 1), $NF; fflush() }
       /^Installing collected packages/ { print "   unpacking " NF - 3 " packages, a minute or two"; fflush() }'
}

if whole && up_to_date; then exit 0; fi
if [ -e .venv ]; then
  [ -f .venv/ready ] || [ -f .venv/unfinished ] || stop "there is a .venv that it did not make: move it away or delete it"
  whole || rm -rf .venv
fi
if [ -e .venv ]; then
  echo "1 of 2: .venv is there"
  mv .venv/ready .venv/unfinished
else
  check_python
  echo "1 of 2: a virtual environment in .venv, some seconds"
  mkdir .venv
  touch .venv/unfinished
fi
trap 'rm -rf .venv; echo "make setup: it failed, see above, and left nothing behind: the next one starts anew" >&2' ERR
trap 'exit 130' INT TERM
[ -e .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --upgrade pip
echo "2 of 2: torch and the rest, about 3 minutes; on Linux 6.7 GB, of which 3 GB are CUDA libraries"
.venv/bin/python -m pip install --progress-bar off --constraint constraints.txt --editable '.[dev]' | briefly
mv .venv/unfinished .venv/ready
touch .venv/ready
