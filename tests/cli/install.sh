#!/bin/sh
# Release flavour only.
# make install puts the program and its manual where they belong, and the program needs nothing of the source tree.
. "$(dirname "$0")/../tap.sh"

ok "make install" make -s -C "$TOP" B="$BUILD" DESTDIR="$T/root" PREFIX=/usr install
same "what is installed" "$(cd "$T/root" && find . -type f -printf '%m %p\n' | sort)" "\
644 ./usr/share/man/man1/assay.1
755 ./usr/bin/assay"
ok "it runs elsewhere" env -i -C / "$T/root/usr/bin/assay" --version
done_testing
