# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: MIT
#
# For tests/system/bochs and tests/system/qemu: options, and a guest that ends when it must. Sourced.
#
# Options, the same for both:
#   --model NAME      processor model
#   --memory N        MiB
#   --cpus N
#   --seconds N       time limit, of the clock on the wall
#   --follow          copies the serial output to standard output as it comes
#   --console TTY     the serial port is this terminal, and SERIAL is somebody else's business
#   --until PATTERN   ends the guest as soon as the serial output has a line that matches (grep -E)
#   --times N         with --until: as soon as it has N of them
# and two arguments: IMAGE, and SERIAL, the file that gets what the guest sends to COM1. The guest has
# a copy of the image: OVMF writes its variables to the disk (NvVars), and the boot entries of one
# machine keep another from booting.
#
# Exit status: 0 the guest powered off, or the pattern came; 1 it ended otherwise; 2 the machine could
# not be started; 124 time is up. No process is left behind.

name=${0##*/}
memory=512
cpus=1
seconds=120
follow=0
until=
times=1
console=
pid=
work=$(mktemp -d)

fail() {
	echo "$name: $1" >&2
	exit 2
}

end_guest() {
	# The process group, as a wrapper may have forked. We made it: see start_guest.
	if [ -n "$pid" ]; then
		kill -KILL -- "-$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		pid=
	fi
	rm -rf "$work"
}
trap end_guest EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Reads one common option from "$@" and sets `used` to the number of words it has, 0 if it is none.
common_option() {
	used=2
	case $1 in
	--model) model=$2 ;;
	--memory) memory=$2 ;;
	--cpus) cpus=$2 ;;
	--seconds) seconds=$2 ;;
	--until) until=$2 ;;
	--times) times=$2 ;;
	--console) console=$2 ;;
	--follow)
		follow=1
		used=1
		;;
	*) used=0 ;;
	esac
}

# The first of the files given that exists.
first_file() {
	local file
	for file; do
		if [ -f "$file" ]; then
			echo "$file"
			return
		fi
	done
	return 1
}

# find_ovmf [SYSROOT]: one image that holds code and variables, 2 MiB on Debian 12, 4 MiB on Debian 13.
find_ovmf() {
	ovmf=${OVMF:-$(first_file "${1-}"/usr/share/{ovmf,qemu}/OVMF.fd)} ||
		fail "no OVMF.fd (package ovmf); OVMF=FILE names one"
}

# Makes `disk` of `image`.
copy_image() {
	[ -f "$image" ] || fail "no image $image"
	disk=$work/disk.img
	cp --sparse=always "$image" "$disk"
}

# start_guest COMMAND...: in the background, in a process group of its own, and dying with us.
start_guest() {
	local guard=()
	if setpriv --pdeathsig KILL true 2>/dev/null; then
		guard=(setpriv --pdeathsig KILL)
	fi
	set -m
	"${guard[@]}" "$@" &
	pid=$!
	set +m
}

shown=0
# Passes on what the serial file has got since the last call; true if the pattern is there.
look_at_serial() {
	local size
	size=$(stat -c %s "$serial" 2>/dev/null || echo 0)
	[ "$size" -gt "$shown" ] || return 1
	if [ "$follow" = 1 ]; then
		tail -c "+$((shown + 1))" "$serial" | head -c "$((size - shown))"
	fi
	shown=$size
	[ -n "$until" ] && [ "$(grep -acE -- "$until" "$serial")" -ge "$times" ]
}

# Waits for the end: returns if the guest has ended by itself, with its status in `status`.
watch_guest() {
	local deadline=$((SECONDS + seconds))
	status=0
	while kill -0 "$pid" 2>/dev/null; do
		if look_at_serial; then
			exit 0
		fi
		if [ "$SECONDS" -ge "$deadline" ]; then
			echo "$name: no end after $seconds seconds" >&2
			exit 124
		fi
		sleep 0.1
	done
	wait "$pid" || status=$?
	if look_at_serial; then
		exit 0
	fi
}
