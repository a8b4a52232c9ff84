# SPDX-License-Identifier: MIT
#
# Debian's kernel with its KVM, and the program that measures it: tests/bench/kvm-run. Both are of one package, which is
# downloaded and not installed.

KVM_PARTS := $(B)/linux/kvm/parts

$(KVM_PARTS): tests/system/linux/package
	tests/system/linux/package linux-image-cloud-amd64 './boot/vmlinuz-*' '*/irqbypass.ko' '*/x86/kvm/kvm*.ko' $(@D)/
	@touch $@

$(B)/linux/kvm/bench: tests/bench/kvm.c $(B)/bench/guest.o
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -static -Wall -Wextra -Wshadow -Wundef $(WERROR) -o $@ $^

$(B)/bench/guest.o: tests/guest/bench.asm tests/guest/guest.inc
	@mkdir -p $(@D)
	$(NASM) -f elf64 -o $@ $<

$(B)/linux/kvm/initrd: $(B)/linux/initrd $(B)/linux/kvm/bench $(KVM_PARTS) tests/bench/kvm-initrd
	tests/bench/kvm-initrd $(B)/linux/initrd $(B)/linux/kvm $@
