// SPDX-License-Identifier: MIT
/*
 * WHvGetVirtualProcessorRegisters, WHvSetVirtualProcessorRegisters. Registers that the shared page holds are
 * read and written there; as soon as a list names one that is not there, the rest of it goes to the
 * hypervisor, which takes over what is dirty in the page first.
 */
#include "root/lib/copy.h"
#include "root/lib/partition.h"

/* Registers 0 to 17 are consecutive words of the page, 18 to 25 its segments. */
#define N_WORDS 18u
#define N_PAGE	26u

_Static_assert(offsetof(struct whit_vp_page, rip) ==
		       offsetof(struct whit_vp_page, gpr) + 16 * sizeof(uint64_t),
	       "RIP is word 16");
_Static_assert(offsetof(struct whit_vp_page, rflags) ==
		       offsetof(struct whit_vp_page, gpr) + 17 * sizeof(uint64_t),
	       "RFLAGS is word 17");

/* Reads from the page as many registers, from the first on, as it holds. Returns how many. */
static UINT32 get_from_page(const struct whit_vp_page *page, const WHV_REGISTER_NAME *names,
			    UINT32 count, WHV_REGISTER_VALUE *values)
{
	const uint64_t *words = page->gpr;
	/* A register that was written there and not yet taken over has its value there, too. */
	uint32_t valid = page->valid | page->dirty;
	uint8_t *value = (uint8_t *)values;
	const uint64_t zero = 0;
	UINT32 i = 0;

	/* The usual case, which clients are in after each exit, with nothing to ask per register. */
	if (!(~valid & (WHIT_PAGE_GPRS | WHIT_PAGE_RIP | WHIT_PAGE_RFLAGS))) {
		for (; i < count && (uint32_t)names[i] < N_WORDS; i++, value += 16) {
			__builtin_memcpy(value, &words[(uint32_t)names[i]], 8);
			__builtin_memcpy(value + 8, &zero, 8);
		}
	}
	for (; i < count; i++, value += 16) {
		uint32_t name = (uint32_t)names[i];

		if (name >= N_PAGE || !(valid >> name & 1))
			break;
		if (name < N_WORDS) {
			__builtin_memcpy(value, &words[name], 8);
			__builtin_memcpy(value + 8, &zero, 8);
		} else {
			__builtin_memcpy(value, &page->segment[name - N_WORDS], 16);
		}
	}
	return i;
}

/* By the hypervisor. */
static HRESULT transfer(struct whp_partition *partition, uint64_t code, UINT32 vp,
			const WHV_REGISTER_NAME *names, UINT32 count,
			const WHV_REGISTER_VALUE *values)
{
	return WHP_HRESULT(call_registers(&partition->call, code, vp, names, count, values));
}

HRESULT WHVAPI WHvGetVirtualProcessorRegisters(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					       const WHV_REGISTER_NAME *RegisterNames,
					       UINT32 RegisterCount,
					       WHV_REGISTER_VALUE *RegisterValues)
{
	struct whp_partition *partition = partition_of(Partition);
	const struct whit_vp_page *page;
	UINT32 done;

	if (!partition)
		return E_INVALIDARG;
	page = partition_vp(partition, VpIndex);
	if (!page)
		return WHV_E_VP_DOES_NOT_EXIST;
	if (!RegisterNames || !RegisterValues)
		return E_POINTER;
	done = get_from_page(page, RegisterNames, RegisterCount, RegisterValues);
	if (done == RegisterCount)
		return S_OK;
	done &= ~1u; /* the rest of the names is aligned as all of them are: nothing has to be copied */
	return transfer(partition, WHIT_CALL_GET_REGISTERS, VpIndex, RegisterNames + done,
			RegisterCount - done, RegisterValues + done);
}

/*
 * Can Set put this register into the page? Segments are judged by the hypervisor, at once; and so are
 * device data without a device that waits for them.
 */
static bool is_page_word(const struct whit_vp_page *page, uint32_t name)
{
	uint32_t reason;

	if (name < N_WORDS)
		return true;
	if (name - WhitRegisterDeviceData0 >= WHIT_REGISTER_DEVICE_DATA_N)
		return false;
	__builtin_memcpy(&reason, page->exit, sizeof(reason));
	return reason == WhitRunVpExitReasonDeviceAccess;
}

static void set_in_page(struct whit_vp_page *page, uint32_t name, const uint8_t *value)
{
	if (name < N_WORDS) {
		__builtin_memcpy(&page->gpr[0] + name, value, 8);
		page->dirty |= 1u << name;
		return;
	}
	__builtin_memcpy(&page->exit[WHIT_EXIT_UNION + offsetof(struct whit_device_access, data) +
				     16 * (size_t)(name - WhitRegisterDeviceData0)],
			 value, 16);
	page->device_answered = 1;
}

HRESULT WHVAPI WHvSetVirtualProcessorRegisters(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					       const WHV_REGISTER_NAME *RegisterNames,
					       UINT32 RegisterCount,
					       const WHV_REGISTER_VALUE *RegisterValues)
{
	struct whp_partition *partition = partition_of(Partition);
	struct whit_vp_page *page;

	if (!partition)
		return E_INVALIDARG;
	page = partition_vp(partition, VpIndex);
	if (!page)
		return WHV_E_VP_DOES_NOT_EXIST;
	if (!RegisterNames || !RegisterValues)
		return E_POINTER;
	for (UINT32 i = 0; i < RegisterCount; i++) {
		uint32_t name = (uint32_t)RegisterNames[i];

		if (!is_page_word(page, name))
			return transfer(partition, WHIT_CALL_SET_REGISTERS, VpIndex,
					RegisterNames + i, RegisterCount - i, RegisterValues + i);
		set_in_page(page, name, (const uint8_t *)RegisterValues + 16 * (size_t)i);
	}
	return S_OK;
}
