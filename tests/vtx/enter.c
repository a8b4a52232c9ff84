/* SPDX-License-Identifier: MIT */
/*
 * VM entries and exits, SDM 3C "VM Entries", "VM Exits": in the place of arch/vmx/enter.asm. What the entry loads and
 * the exit saves besides the guest-state area that stays in the VMCS: MSRs, DR7.
 */
#include <string.h>

#include "arch/vmx/vmx.h"
#include "tests/vtx/vtx.h"
#include "whit/layout.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/msr.h"

#define FAIL_CONTROLS 7u /* VM entry with invalid control field(s) */
#define FAIL_HOST     8u /* VM entry with invalid host-state field(s) */

void vtx_forget(void)
{
	vmx_caps = (struct caps) { 0 };
}

static const struct {
	uint32_t msr;
	uint16_t guest, host;
} switched[] = {
	{ MSR_EFER, VMCS_GUEST_EFER, VMCS_HOST_EFER },
	{ MSR_PAT, VMCS_GUEST_PAT, VMCS_HOST_PAT },
	{ MSR_SYSENTER_CS, VMCS_GUEST_SYSENTER_CS, VMCS_HOST_SYSENTER_CS },
	{ MSR_SYSENTER_ESP, VMCS_GUEST_SYSENTER_ESP, VMCS_HOST_SYSENTER_ESP },
	{ MSR_SYSENTER_EIP, VMCS_GUEST_SYSENTER_EIP, VMCS_HOST_SYSENTER_EIP },
	{ MSR_FS_BASE, VMCS_GUEST_BASE(SEG_FS), VMCS_HOST_FS_BASE },
	{ MSR_GS_BASE, VMCS_GUEST_BASE(SEG_GS), VMCS_HOST_GS_BASE },
};

#define N_SWITCHED (sizeof(switched) / sizeof(switched[0]))

static void load_guest(void)
{
	for (size_t i = 0; i < N_SWITCHED; i++)
		vtx_msr(switched[i].msr)->value = vtx_get(switched[i].guest);
	vtx_msr(MSR_DEBUGCTL)->value = vtx_get(VMCS_GUEST_DEBUGCTL);
	vtx.dr7 = vtx_get(VMCS_GUEST_DR7);
}

static void load_host(void)
{
	for (size_t i = 0; i < N_SWITCHED; i++)
		vtx_msr(switched[i].msr)->value = vtx_get(switched[i].host);
	vtx_msr(MSR_DEBUGCTL)->value = 0;
	vtx.dr7 = DR7_INIT;
}

static void save_guest(void)
{
	for (size_t i = 0; i < N_SWITCHED; i++)
		vtx_put(switched[i].guest, vtx_msr(switched[i].msr)->value);
	vtx_put(VMCS_GUEST_DEBUGCTL, vtx_msr(MSR_DEBUGCTL)->value);
	vtx_put(VMCS_GUEST_DR7, vtx.dr7);
	vtx_put(VMCS_ENTRY_CONTROLS,
		(vtx_get(VMCS_ENTRY_CONTROLS) & ~(uint64_t)ENTRY_IA32E_MODE_GUEST) |
			(vtx_msr(MSR_EFER)->value & EFER_LMA ? ENTRY_IA32E_MODE_GUEST : 0));
	vtx_put(VMCS_ENTRY_INTERRUPTION_INFO,
		vtx_get(VMCS_ENTRY_INTERRUPTION_INFO) & ~(uint64_t)INTR_VALID);
}

void vtx_exit(uint32_t reason, uint64_t qualification)
{
	static const uint16_t undefined[] = {
		VMCS_EXIT_INTERRUPTION_ERROR_CODE, VMCS_IDT_VECTORING_ERROR_CODE,
		VMCS_EXIT_INSTRUCTION_LENGTH,	   VMCS_EXIT_INSTRUCTION_INFO,
		VMCS_GUEST_LINEAR_ADDRESS,	   VMCS_GUEST_PHYSICAL_ADDRESS,
	};

	if (reason == REASON_MONITOR_TRAP && !(vtx_get(VMCS_PROC_CONTROLS) & PROC_MONITOR_TRAP))
		vtx_scream("an exit by the monitor trap flag, which is off");
	for (size_t i = 0; i < sizeof(undefined) / sizeof(undefined[0]); i++)
		vtx_put(undefined[i], vtx_random());
	vtx_put(VMCS_EXIT_INTERRUPTION_INFO, vtx_random() & ~(uint64_t)INTR_VALID);
	vtx_put(VMCS_IDT_VECTORING_INFO, vtx_random() & ~(uint64_t)INTR_VALID);
	vtx_put(VMCS_EXIT_REASON, reason);
	vtx_put(VMCS_EXIT_QUALIFICATION, qualification);
}

/* SDM 3C "VM-Entry Failures During or After Loading Guest State": the guest-state area stays as it is. */
static uint64_t fail_guest_state(const char *text)
{
	vtx.refusal = text;
	vtx.n_refused++;
	vtx_put(VMCS_EXIT_REASON, EXIT_REASON_ENTRY_FAILURE | REASON_ENTRY_GUEST_STATE);
	vtx_put(VMCS_EXIT_QUALIFICATION, 0);
	load_host();
	if (vtx.refused)
		vtx.refused();
	return ENTER_OK;
}

static uint64_t fail_valid(unsigned int error, const char *text)
{
	vtx.refusal = text;
	vtx.n_refused++;
	vtx_put(VMCS_INSTRUCTION_ERROR, error);
	return ENTER_VALID;
}

uint64_t vmx_enter(struct virt_regs *regs, uint64_t is_launched)
{
	const char *text;
	unsigned int error;

	if (!vtx.is_vmx_on)
		vtx_scream("entry outside VMX operation");
	vtx_put(VMCS_HOST_RSP, WHIT_DIRECT_BASE);
	if (vtx.percpu->pending)
		return ENTER_ABORTED;
	vtx.n_entries++;
	vtx.refusal = NULL;
	error = vtx_launch_error(is_launched);
	if (error)
		return fail_valid(error, "launch state");
	if ((text = vtx_check_controls()))
		return fail_valid(FAIL_CONTROLS, text);
	if ((text = vtx_check_host()))
		return fail_valid(FAIL_HOST, text);
	if ((text = vtx_check_guest()))
		return fail_guest_state(text);
	if (vtx.is_broken) {
		vtx.is_broken = false;
		vtx_put(VMCS_EXIT_REASON, EXIT_REASON_ENTRY_FAILURE | REASON_ENTRY_MACHINE_CHECK);
		return ENTER_OK;
	}
	vtx_launched();
	load_guest();
	vtx.guest(regs);
	save_guest();
	load_host();
	return ENTER_OK;
}

bool vtx_translate(uint64_t eptp, uint64_t gpa, unsigned int access, uint64_t *spa)
{
	uint64_t table = eptp & 0x000ffffffffff000ull;

	if (gpa >> 48)
		return false;
	for (unsigned int level = 4;; level--) {
		uint64_t *const entry =
			(uint64_t *)virt_ptr(SPA(table)) + (gpa >> LEVEL_SHIFT(level)) % 512;
		const bool is_leaf = level == 1 || (*entry & 0x80);

		if ((*entry & 7 & access) != access || !(*entry & 7))
			return false;
		if (level == 4 && (*entry & 0xf8))
			vtx_scream("EPT misconfiguration: %#llx", (unsigned long long)*entry);
		if ((*entry & 3) == 2 ||
		    ((*entry & 7) == 4 && !(vtx_msr(MSR_VMX_EPT_VPID_CAP)->value & 1)))
			vtx_scream("EPT misconfiguration: rights %#llx",
				   (unsigned long long)*entry);
		if (is_leaf) {
			const uint64_t type = *entry >> 3 & 7;

			if (type == 2 || type == 3 || type == 7)
				vtx_scream("EPT misconfiguration: type %#llx",
					   (unsigned long long)*entry);
			*spa = (*entry & 0x000ffffffffff000ull & ~(LEVEL_SIZE(level) - 1)) |
			       (gpa & (LEVEL_SIZE(level) - 1));
			if (eptp & 1 << 6)
				*entry |= 1 << 8 | (access & 2 ? 1 << 9 : 0);
			return true;
		}
		table = *entry & 0x000ffffffffff000ull;
		if (table >= vtx.ram_bytes)
			vtx_scream("EPT table outside of memory: %#llx",
				   (unsigned long long)*entry);
	}
}
