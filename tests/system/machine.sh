# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: MIT
#
# For tests/system/machine and the scripts that start a machine: which program it is. Sourced. The names of machines are
#
#   bochs     Bochs before 3.0, as Debian 12 has it: VT-x, or AMD-V with the model `ryzen`; one processor
#   bochs3    Bochs from 3.0 on: the machine's own, or Debian 13's, which `make deps` unpacks into $B/debian13
#   tcg       the machine's own QEMU, which emulates AMD-V
#   tcg10     QEMU from 10.0 on: the machine's own, or Debian 13's, which `make deps MACHINE=tcg10` unpacks into $B/debian13-qemu
#   kvm       QEMU on KVM with the host's processor, where KVM offers VT-x or AMD-V to guests
#
# The environment's BOCHS and QEMU name other programs, by whichever of these names the machine goes.

# Each of these sets `program`, the words that start it, and `sysroot`, where its firmware and plugins lie.
own() {
	sysroot=
	program=("$(command -v "$@" | head -n 1)")
	[ -n "${program[0]}" ]
}

# debian13 FOLDER PROGRAM [VARIABLE=VALUE...]: its own loader and libraries come with it, for it needs a newer libc.
debian13() {
	local lib
	sysroot=${B:-build}/$1
	lib=$sysroot/usr/lib/x86_64-linux-gnu
	[ -x "$sysroot/usr/bin/$2" ] || return 1
	program=(env "${@:3}" "$lib/ld-linux-x86-64.so.2" --library-path "$lib:$lib/pulseaudio" "$sysroot/usr/bin/$2")
}

debian13_bochs() {
	local root=${B:-build}/debian13
	debian13 debian13 bochs-bin "LTDL_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu/bochs/plugins" \
		"BXSHARE=$root/usr/share/bochs"
}

# What the program that was found says that it is, as 2.7; nothing if it does not say.
bochs_version() {
	"${program[@]}" --help 2>&1 </dev/null | sed -n 's/.*Bochs x86 Emulator \([0-9.]*\).*/\1/p' | head -n 1
}

qemu_version() {
	"${program[@]}" --version 2>&1 </dev/null | sed -n 's/^QEMU emulator version \([0-9.]*\).*/\1/p' | head -n 1
}

is_before() {
	[ -n "$1" ] && [ "${1%%.*}" -lt "$2" ]
}

is_from() {
	[ -n "$1" ] && [ "${1%%.*}" -ge "$2" ]
}

# find_machine NAME: sets `program` and `sysroot`; false if there is no such machine here.
find_machine() {
	case $1 in
	bochs | bochs3)
		if [ -n "${BOCHS-}" ]; then
			own "$BOCHS"
		elif [ "$1" = bochs ]; then
			own bochs-bin bochs && is_before "$(bochs_version)" 3
		else
			{ debian13_bochs || own bochs-bin bochs; } && is_from "$(bochs_version)" 3
		fi
		;;
	tcg | kvm)
		own "${QEMU:-qemu-system-x86_64}"
		;;
	tcg10)
		if [ -n "${QEMU-}" ]; then
			own "$QEMU"
		else
			{ debian13 debian13-qemu qemu-system-x86_64 || own qemu-system-x86_64; } && is_from "$(qemu_version)" 10
		fi
		;;
	*)
		echo "${0##*/}: no machine '$1': bochs, bochs3, tcg, tcg10 or kvm" >&2
		return 1
		;;
	esac
}

# The Bochs that runs where nobody says which; nothing if there is none.
newest_bochs() {
	if [ -n "${BOCHS-}" ]; then
		own "$BOCHS" || return 0
		is_before "$(bochs_version)" 3 && echo bochs || echo bochs3
	elif find_machine bochs3; then
		echo bochs3
	elif find_machine bochs; then
		echo bochs
	fi
}
