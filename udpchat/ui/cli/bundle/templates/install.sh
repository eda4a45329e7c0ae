#!/bin/sh
# Installs udpchat from this folder, without a network: sh install.sh [FOLDER]
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
for version in @PYTHONS@; do
    for python in "python$version" python3 python; do
        found=$("$python" -c 'import sys; print(".".join(map(str, sys.version_info[:2])))' 2>/dev/null)
        if [ "$found" = "$version" ]; then
            exec "$python" "$here/install.py" "$@"
        fi
    done
done
echo "install.sh: no Python was found that this bundle is for: @TARGETS@" >&2
exit 1
