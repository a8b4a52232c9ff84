/* SPDX-License-Identifier: MIT */
/* The VMCS in a panic. The dump reads every field that can be read, and never fails. */
#include "arch/vmx/vmx.h"
#include "arch/x86/backend.h"
#include "whit/log.h"

struct line {
	const char *name;
	uint16_t field;
};

static const struct line lines[] = {
	{ "exit reason", VMCS_EXIT_REASON },
	{ "instruction error", VMCS_INSTRUCTION_ERROR },
	{ "exit qualification", VMCS_EXIT_QUALIFICATION },
	{ "guest physical address", VMCS_GUEST_PHYSICAL_ADDRESS },
	{ "guest linear address", VMCS_GUEST_LINEAR_ADDRESS },
	{ "exit interruption", VMCS_EXIT_INTERRUPTION_INFO },
	{ "IDT vectoring", VMCS_IDT_VECTORING_INFO },
	{ "instruction length", VMCS_EXIT_INSTRUCTION_LENGTH },
	{ "entry interruption", VMCS_ENTRY_INTERRUPTION_INFO },
	{ "pin controls", VMCS_PIN_CONTROLS },
	{ "processor controls", VMCS_PROC_CONTROLS },
	{ "secondary controls", VMCS_PROC2_CONTROLS },
	{ "exit controls", VMCS_EXIT_CONTROLS },
	{ "entry controls", VMCS_ENTRY_CONTROLS },
	{ "EPTP", VMCS_EPT_POINTER },
	{ "virtual-APIC page", VMCS_VIRTUAL_APIC_ADDRESS },
	{ "TPR threshold", VMCS_TPR_THRESHOLD },
	{ "interrupt status", VMCS_GUEST_INTERRUPT_STATUS },
	{ "rip", VMCS_GUEST_RIP },
	{ "rsp", VMCS_GUEST_RSP },
	{ "rflags", VMCS_GUEST_RFLAGS },
	{ "cr0", VMCS_GUEST_CR0 },
	{ "cr3", VMCS_GUEST_CR3 },
	{ "cr4", VMCS_GUEST_CR4 },
	{ "efer", VMCS_GUEST_EFER },
	{ "dr7", VMCS_GUEST_DR7 },
	{ "interruptibility", VMCS_GUEST_INTERRUPTIBILITY_STATE },
	{ "activity", VMCS_GUEST_ACTIVITY_STATE },
	{ "pending debug", VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS },
	{ "cs selector", VMCS_GUEST_CS_SELECTOR },
	{ "cs base", VMCS_GUEST_CS_BASE },
	{ "cs limit", VMCS_GUEST_CS_LIMIT },
	{ "cs rights", VMCS_GUEST_CS_ACCESS_RIGHTS },
	{ "ss rights", VMCS_GUEST_SS_ACCESS_RIGHTS },
	{ "tr rights", VMCS_GUEST_TR_ACCESS_RIGHTS },
	{ "gdtr base", VMCS_GUEST_GDTR_BASE },
	{ "idtr base", VMCS_GUEST_IDTR_BASE },
};

void backend_dump(void)
{
	const struct virt_vp *vp = percpu()->current;

	vp_dump(vp);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		uint64_t value;

		if (vmx_vmread(lines[i].field, &value))
			log_line(LOG_ERROR, "  %s %llx", lines[i].name, (unsigned long long)value);
	}
}
