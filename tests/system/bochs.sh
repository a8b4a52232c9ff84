# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: MIT
#
# For tests/system/bochs and tests/system/bochs-version: which Bochs, of those that are here. Sourced.
#
# The environment's BOCHS chooses. It is
#   a version like 2.7    the machine's own Bochs or that of Debian 13 in $B/debian13, whichever has this version
#   a path                that program, with the machine's own firmware
#   empty or not set      that of Debian 13, else the machine's own
# `make deps` brings the one of Debian 13 where the machine's own is older than 3.0: tests/system/deps.

# Each of these sets `bochs`, the words that start it, and `sysroot`, where its firmware and plugins lie.
own_bochs() {
	sysroot=
	bochs=("$(command -v bochs-bin || command -v bochs)")
}

# Its own loader and libraries come with it: it needs a newer libc than the machine may have.
debian13_bochs() {
	local lib
	sysroot=${B:-build}/debian13
	lib=$sysroot/usr/lib/x86_64-linux-gnu
	[ -x "$sysroot/usr/bin/bochs-bin" ] || return 1
	bochs=(env "LTDL_LIBRARY_PATH=$lib/bochs/plugins" "BXSHARE=$sysroot/usr/share/bochs"
		"$lib/ld-linux-x86-64.so.2" --library-path "$lib:$lib/pulseaudio" "$sysroot/usr/bin/bochs-bin")
}

# What the Bochs that is chosen says that it is, as 2.7; nothing if it does not say.
bochs_version() {
	"${bochs[@]}" --help 2>&1 </dev/null | sed -n 's/.*Bochs x86 Emulator \([0-9.]*\).*/\1/p' | head -n 1
}

# Sets `bochs` and `sysroot`; false if there is no such Bochs.
find_bochs() {
	local choice
	case ${BOCHS-} in
	'')
		debian13_bochs || own_bochs
		;;
	*[!0-9.]*)
		sysroot=
		bochs=("$BOCHS")
		;;
	*)
		for choice in own_bochs debian13_bochs; do
			if $choice && [ "$(bochs_version)" = "$BOCHS" ]; then
				return
			fi
		done
		return 1
		;;
	esac
}

# prefer_bochs VERSION: all that starts from here on gets that one, if it is here and no other is asked for.
prefer_bochs() {
	[ -n "${BOCHS-}" ] || ! BOCHS=$1 find_bochs || export BOCHS=$1
}
