/* SPDX-License-Identifier: MIT */
/*
 * WHV_REGISTER_NAME 3000h to 5FFFh: the local APIC's registers, for hv/apic/apic.c to judge; and
 * those of Hyper-V's own interfaces and of nested virtualisation, which no VP has.
 */
#include "hv/register/register.h"

static const char *get_apic(REGISTER_GET)
{
	uint64_t now = 0;
	const char *why;

	if (!vp->apic.page)
		return row->lacks;
	why = apic_get_register(vp, row->first + i, &now);
	value->Reg64 = now;
	return why;
}

static const char *check_apic(REGISTER_SET)
{
	return apic_set_register(vp, row->first + i, value->Reg64, true);
}

static void set_apic(REGISTER_SET)
{
	(void)apic_set_register(vp, row->first + i, value->Reg64, false);
}

#define NO_APIC	  "the partition has no local APICs"
#define NO_SYNIC  "the partition has no synthetic interrupt controller"
#define NO_HV	  "the partition has none of Hyper-V's interfaces"
#define NO_NESTED "the processor model has no VMX and no SVM"

#define APIC(from, to) \
	[AT(from)... AT(to)] = { get_apic, check_apic, set_apic, NO_APIC, from, 0, 0 }
#define NONE(from, to, why) \
	[AT(from)... AT(to)] = { register_get_none, NULL, NULL, why, from, 0, 0 }

static const struct register_row apic_rows[] = {
	APIC(WHvX64RegisterApicId, WHvX64RegisterApicVersion),
	APIC(WHvX64RegisterApicTpr, WHvX64RegisterApicTpr),
	APIC(WHvX64RegisterApicPpr, WHvX64RegisterApicEoi),
	APIC(WHvX64RegisterApicLdr, WHvX64RegisterApicLdr),
	APIC(WHvX64RegisterApicSpurious, WHvX64RegisterApicEse),
	APIC(WHvX64RegisterApicIcr, WHvX64RegisterApicIcr),
	APIC(WHvX64RegisterApicLvtTimer, WHvX64RegisterApicCurrentCount),
	APIC(WHvX64RegisterApicDivide, WHvX64RegisterApicSelfIpi),
};

static const struct register_row synic_rows[] = {
	NONE(WHvRegisterSint0, WHvRegisterEom, NO_SYNIC),
};

static const struct register_row guest_rows[] = {
	NONE(WHvRegisterVpRuntime, WHvRegisterGuestOsId, NO_HV),
	NONE(WHvRegisterVpAssistPage, WHvRegisterVpAssistPage, NO_HV),
	NONE(WHvRegisterReferenceTsc, WHvRegisterReferenceTsc, NO_HV),
	NONE(WHvRegisterReferenceTscSequence, WHvRegisterReferenceTscSequence, NO_HV),
	NONE(WHvX64RegisterNestedGuestState, WHvX64RegisterNestedVmxInvVpid, NO_NESTED),
};

REGISTER_TABLE(register_apic, apic_rows);
REGISTER_TABLE(register_synic, synic_rows);
REGISTER_TABLE(register_guest, guest_rows);
