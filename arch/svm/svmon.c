/* SPDX-License-Identifier: MIT */
/*
 * The check whether AMD-V has all that Whit needs (backend_check), and AMD-V on and off. caps.c
 * decides; this file reads CPUID and MSRs, in an order that touches none that does not exist.
 *
 * From backend_on() to backend_off() GIF is 0 whenever the hypervisor runs, and IF 1: neither
 * interrupts nor NMIs nor INITs come in it. An NMI that is pending makes the next entry exit at
 * once.
 */
#include "arch/svm/svm.h"
#include "arch/svm/insn.h"
#include "arch/x86/backend.h"
#include "arch/x86/cpu.h"
#include "arch/x86/features.h"
#include "arch/x86/format.h"
#include "arch/x86/insn.h"
#include "arch/x86/string.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/msr.h"

#define EFER_COMMON (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

struct caps svm_caps;

/* The processor switches all of them but this one. */
const uint32_t backend_by_hand = BY_HAND(SYSCALL_TSC_AUX);

static void read_caps(struct caps_raw *raw)
{
	memset(raw, 0, sizeof(*raw));
	raw->last_extended = x86_cpuid(CPUID_EXTENDED_BASE, 0).eax;
	raw->basic = x86_cpuid(1, 0);
	raw->basic.ebx = 0; /* a processor's own */
	raw->basic.ecx &= ~CPUID1_ECX_OSXSAVE;
	if (x86_cpuid(0, 0).eax >= 7)
		raw->seven = x86_cpuid(7, 0);
	raw->seven.ecx &= ~CPUID7_ECX_OSPKE;
	if (raw->last_extended > CPUID_EXTENDED_BASE)
		raw->extended = x86_cpuid(CPUID_EXTENDED_BASE + 1, 0);
	if (!(raw->extended.ecx & CPUID81_ECX_SVM) || raw->last_extended < CPUID_SVM)
		return;
	raw->svm = x86_cpuid(CPUID_SVM, 0);
	raw->sizes_ebx = x86_cpuid(CPUID_EXTENDED_BASE + 8, 0).ebx;
	if (raw->last_extended >= CPUID_ENCRYPTION)
		raw->encryption = x86_cpuid(CPUID_ENCRYPTION, 0);
	if (raw->last_extended >= CPUID_FEATURES)
		raw->feature_eax = x86_cpuid(CPUID_FEATURES, 0).eax;
	raw->vm_cr = x86_rdmsr(MSR_VM_CR);
	if (raw->encryption.eax & CPUID81F_EAX_SME)
		raw->syscfg = x86_rdmsr(MSR_SYSCFG) & SYSCFG_SMEE; /* all others may differ */
}

/* Instructions that an intercept takes away from a child, or none need. XSAVES is no danger. */
static uint32_t child_has(const struct caps *caps)
{
	uint32_t has = VIRT_HAS_RDTSCP;

	if (caps->has_invpcid)
		has |= VIRT_HAS_INVPCID;
	if (x86_cpuid(0, 0).eax >= CPUID_XSAVE &&
	    (x86_cpuid(CPUID_XSAVE, 1).eax & CPUIDD1_EAX_XSAVES))
		has |= VIRT_HAS_XSAVES;
	return has;
}

/*
 * QEMU's TCG (7.2 to 10.0), by its signature: it has no intercept of XSETBV, and sets the accessed
 * flag in PDPTEs, where it is reserved. Who runs under it walks and switches as it does.
 */
static bool is_tcg(void)
{
	const struct x86_cpuid leaf = x86_cpuid(CPUID_HYPERVISOR_BASE, 0);

	return (x86_cpuid(1, 0).ecx & CPUID1_ECX_HYPERVISOR) && leaf.ebx == 0x54474354 &&
	       leaf.ecx == 0x43544743 && leaf.edx == 0x47435447; /* TCGTCGTCGTCG */
}

/* Whatever CPUID says: no less than what virt.h promises. */
static uint8_t memory_bits(uint8_t physical_bits, uint8_t key_bits)
{
	return key_bits > physical_bits - 32 ? 32 : (uint8_t)(physical_bits - key_bits);
}

static void fill_machine(const struct caps *caps)
{
	struct virt_machine *const machine = &virt_machine;

	features_read();
	x86_features.has_silent_xsetbv = machine->has_loose_pdptes = is_tcg();
	machine->vendor = 0;
	machine->max_leaf_level = caps->has_1g ? LEVEL_1G : LEVEL_2M;
	machine->has_step = true;
	machine->apic = VIRT_APIC_TPR;
	x86_features.has_ibpb |= caps->has_ibpb;
	x86_features.has_spec_ctrl |= caps->has_spec_ctrl;
	if (caps->has_virtual_spec_ctrl)
		x86_features.has_spec_ctrl = false; /* to be switched by hand */
	machine->cr4_possible = caps->cr4_possible;
	machine->efer_possible |= caps->efer_possible;
	machine->memory_bits = memory_bits(machine->physical_bits, caps->key_bits);
	machine->child_has = child_has(caps);
}

bool backend_check(char *message, size_t message_bytes, char *report, size_t report_bytes)
{
	static struct caps_raw first, raw; /* static: no padding differs */
	char missing[CAPS_MISSING_BYTES];
	struct caps caps;

	read_caps(&raw);
	if (!caps_negotiate(&raw, &caps, missing)) {
		format_text(message, message_bytes, "missing: %s", missing);
		return false;
	}
	if (!svm_caps.n_asids) {
		first = raw;
		svm_caps = caps;
		fill_machine(&caps);
	} else if (memcmp(&raw, &first, sizeof(raw))) {
		format_text(message, message_bytes, "missing: processors with the same AMD-V");
		return false;
	}
	caps_report(&raw, report, report_bytes);
	return true;
}

spa_t svm_host_page(const struct percpu *cpu)
{
	return SPA(cpu->virt_region.a + PAGE_SIZE);
}

bool backend_on(char *message, size_t message_bytes)
{
	struct percpu *const cpu = percpu();
	const uint64_t vm_cr = x86_rdmsr(MSR_VM_CR);

	if ((vm_cr & VM_CR_SVMDIS) && !x86_wrmsr_safe(MSR_VM_CR, vm_cr & ~VM_CR_SVMDIS)) {
		format_text(message, message_bytes, "missing: a writable VM_CR");
		return false;
	}
	/* Without those of AMD's: with FFXSR the state of a VP would be switched without XMM. */
	if (!x86_wrmsr_safe(MSR_EFER, (x86_rdmsr(MSR_EFER) & EFER_COMMON) | EFER_SVME)) {
		format_text(message, message_bytes, "missing: EFER.SVME");
		return false;
	}
	x86_wrmsr(MSR_VM_HSAVE_PA, cpu->virt_region.a);
	if (svm_caps.has_fsgsbase) {
		x86_write_cr4(x86_read_cr4() | CR4_FSGSBASE);
		idt_drop(EXC_DF);
	}
	svm_vmsave(svm_host_page(cpu));
	svm_fill_maps();
	asid_init(cpu);
	svm_clgi();
	svm_sti();
	cpu->is_virt_on = true;
	return true;
}

void backend_off(void)
{
	struct percpu *const cpu = percpu();

	extra_load_host();
	cpu->current = NULL;
	x86_cli();
	svm_stgi();
	x86_wrmsr(MSR_EFER, x86_rdmsr(MSR_EFER) & ~EFER_SVME);
	cpu->is_virt_on = false;
}
