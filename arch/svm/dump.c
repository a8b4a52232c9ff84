/* SPDX-License-Identifier: MIT */
/* The VMCB in a panic. The dump never fails. */
#include "arch/svm/svm.h"
#include "arch/x86/backend.h"
#include "whit/log.h"

#define LINE(name, field)                          \
	{                                          \
		name, offsetof(struct vmcb, field) \
	}

static const struct line {
	const char *name;
	uint16_t offset; /* of eight bytes */
} lines[] = {
	LINE("exit code", exit_code),
	LINE("exit info 1", info1),
	LINE("exit info 2", info2),
	LINE("exit event", exit_event),
	LINE("next rip", next_rip),
	LINE("event", event),
	LINE("CR and DR intercepts", cr_reads),
	LINE("intercepts", intercepts[0]),
	LINE("more intercepts", intercepts[1]),
	LINE("I/O map", io_map),
	LINE("MSR map", msr_map),
	LINE("ASID and TLB control", asid),
	LINE("virtual interrupt", virtual_interrupt),
	LINE("interrupt state", interrupt_state),
	LINE("nested CR3", n_cr3),
	LINE("rip", save.rip),
	LINE("rsp", save.rsp),
	LINE("rflags", save.rflags),
	LINE("cr0", save.cr0),
	LINE("cr2", save.cr2),
	LINE("cr3", save.cr3),
	LINE("cr4", save.cr4),
	LINE("efer", save.efer),
	LINE("dr6", save.dr6),
	LINE("dr7", save.dr7),
	LINE("cs", save.cs),
	LINE("cs base", save.cs.base),
	LINE("ss", save.ss),
	LINE("tr", save.tr),
	LINE("gdtr base", save.gdtr.base),
	LINE("idtr base", save.idtr.base),
};

void backend_dump(void)
{
	struct virt_vp *const vp = percpu()->current;
	const uint8_t *const vmcb = (const uint8_t *)vmcb_of(vp);

	vp_dump(vp);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		log_line(LOG_ERROR, "  %s %llx", lines[i].name,
			 *(const unsigned long long *)(const void *)(vmcb + lines[i].offset));
}
