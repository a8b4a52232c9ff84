/* SPDX-License-Identifier: MIT */
/*
 * The check whether VT-x has all that Whit needs (backend_check), and VMX operation on and off.
 * caps.c decides; this file reads the MSRs, in an order that touches none that does not exist.
 */
#include "arch/vmx/vmx.h"
#include "arch/x86/backend.h"
#include "arch/x86/cpu.h"
#include "arch/x86/features.h"
#include "arch/x86/format.h"
#include "arch/x86/insn.h"
#include "arch/x86/string.h"
#include "x86/cr.h"
#include "x86/msr.h"

struct caps vmx_caps;

#define BASIC_TRUE_CONTROLS (1ull << 55)
#define MAY(bit)	    ((uint64_t)(bit) << 32)

static void read_caps(struct caps_raw *raw)
{
	bool has_true;

	memset(raw, 0, sizeof(*raw));
	raw->has_vmx = x86_cpuid(1, 0).ecx & CPUID1_ECX_VMX;
	if (!raw->has_vmx)
		return;
	raw->feature_control = x86_rdmsr(MSR_FEATURE_CONTROL);
	raw->basic = x86_rdmsr(MSR_VMX_BASIC);
	raw->misc = x86_rdmsr(MSR_VMX_MISC);
	has_true = raw->basic & BASIC_TRUE_CONTROLS;
	raw->pin = x86_rdmsr(has_true ? MSR_VMX_TRUE_PIN : MSR_VMX_PIN);
	raw->proc = x86_rdmsr(has_true ? MSR_VMX_TRUE_PROC : MSR_VMX_PROC);
	raw->exit = x86_rdmsr(has_true ? MSR_VMX_TRUE_EXIT : MSR_VMX_EXIT);
	raw->entry = x86_rdmsr(has_true ? MSR_VMX_TRUE_ENTRY : MSR_VMX_ENTRY);
	raw->cr0_fixed0 = x86_rdmsr(MSR_VMX_CR0_FIXED0);
	raw->cr0_fixed1 = x86_rdmsr(MSR_VMX_CR0_FIXED1);
	raw->cr4_fixed0 = x86_rdmsr(MSR_VMX_CR4_FIXED0);
	raw->cr4_fixed1 = x86_rdmsr(MSR_VMX_CR4_FIXED1);
	if (raw->proc & MAY(PROC_SECONDARY_CONTROLS))
		raw->proc2 = x86_rdmsr(MSR_VMX_PROC2);
	if (raw->proc2 & MAY(PROC2_EPT | PROC2_VPID))
		raw->ept_vpid = x86_rdmsr(MSR_VMX_EPT_VPID_CAP);
}

/* SDM 4 "IA32_TME_ACTIVATE", which is there with TME; the root cannot write it any more. */
static uint8_t key_bits(void)
{
	if (x86_cpuid(0, 0).eax < 7 || !(x86_cpuid(7, 0).ecx & CPUID7_ECX_TME))
		return 0;
	return (uint8_t)caps_key_bits(x86_rdmsr(MSR_TME_ACTIVATE));
}

static void fill_machine(const struct caps *caps)
{
	struct virt_machine *const machine = &virt_machine;

	features_read();
	machine->vendor = 1;
	machine->memory_bits = (uint8_t)(machine->physical_bits - key_bits());
	machine->max_leaf_level = caps->has_1g ? LEVEL_1G : LEVEL_2M;
	machine->has_execute_only = caps->has_execute_only;
	machine->has_pdptes = true;
	machine->has_step = caps->has_step;
	machine->checks_entry = true;
	machine->has_deadline = caps->child.pin & PIN_PREEMPTION_TIMER;
	machine->apic = caps->apic;
	machine->cr4_possible = caps->cr4_possible;
	machine->child_has = vmx_child_has(caps->child.proc2);
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
	if (!vmx_caps.revision) {
		first = raw;
		vmx_caps = caps;
		fill_machine(&caps);
	} else if (!caps.has_wait_for_sipi) {
		format_text(message, message_bytes, "missing: wait-for-SIPI state");
		return false;
	} else if (memcmp(&raw, &first, sizeof(raw))) {
		format_text(message, message_bytes, "missing: processors with the same VT-x");
		return false;
	}
	caps_report(&raw, report, report_bytes);
	return true;
}

bool backend_on(char *message, size_t message_bytes)
{
	struct percpu *cpu = percpu();
	uint64_t control = x86_rdmsr(MSR_FEATURE_CONTROL);

	/* Unlocked after reset on some machines, Bochs among them; it stays locked from now on. */
	control |= FEATURE_CONTROL_VMX | FEATURE_CONTROL_LOCKED;
	if (!(x86_rdmsr(MSR_FEATURE_CONTROL) & FEATURE_CONTROL_LOCKED) &&
	    !x86_wrmsr_safe(MSR_FEATURE_CONTROL, control)) {
		format_text(message, message_bytes, "missing: a writable IA32_FEATURE_CONTROL");
		return false;
	}
	x86_write_cr0(x86_read_cr0() | vmx_caps.cr0_must_be_one);
	x86_write_cr4(x86_read_cr4() | vmx_caps.cr4_must_be_one | CR4_VMXE);
	*(uint32_t *)virt_ptr(cpu->virt_region) = vmx_caps.revision;
	if (!vmx_vmxon(&cpu->virt_region.a)) {
		format_text(message, message_bytes, "missing: VMXON, which failed");
		return false;
	}
	cpu->is_virt_on = true;
	return true;
}

void backend_off(void)
{
	struct percpu *cpu = percpu();

	active_end_all();
	if (cpu->current)
		vmcs_clear(vmx_vp(cpu->current)->vmcs);
	cpu->current = NULL;
	vmx_vmxoff();
	cpu->is_virt_on = false;
}
