// SPDX-License-Identifier: MIT
/* WHvCreateVirtualProcessor and its successor, WHvDeleteVirtualProcessor, and the page that a VP shares with us. */
#include "root/lib/partition.h"
#include "whit/whp_page.h"

HRESULT WHVAPI WHvCreateVirtualProcessor(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					 UINT32 Flags)
{
	struct whp_partition *partition = partition_of(Partition);

	if (!partition)
		return E_INVALIDARG;
	return WHP_HRESULT(call_create_vp(&partition->call, VpIndex, Flags));
}

/* The only property is a wish for a NUMA node; there is one node, or none is asked for. */
static bool is_legal_property(const WHV_VIRTUAL_PROCESSOR_PROPERTY *property)
{
	return property->PropertyCode == WHvVirtualProcessorPropertyCodeNumaNode &&
	       !property->Reserved && (!property->NumaNode || property->NumaNode == 0xffff);
}

HRESULT WHVAPI WHvCreateVirtualProcessor2(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					  const WHV_VIRTUAL_PROCESSOR_PROPERTY *Properties,
					  UINT32 PropertyCount)
{
	if (!partition_of(Partition))
		return E_INVALIDARG;
	if (PropertyCount && !Properties)
		return E_POINTER;
	for (UINT32 i = 0; i < PropertyCount; i++)
		if (!is_legal_property(&Properties[i]))
			return E_INVALIDARG;
	return WHvCreateVirtualProcessor(Partition, VpIndex, 0);
}

HRESULT WHVAPI WHvDeleteVirtualProcessor(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex)
{
	struct whp_partition *partition = partition_of(Partition);

	if (!partition)
		return E_INVALIDARG;
	return WHP_HRESULT(call_delete_vp(&partition->call, VpIndex));
}

struct whit_vp_page *WhitVpPage(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex)
{
	struct whp_partition *partition = partition_of(Partition);

	return partition ? partition_vp(partition, VpIndex) : NULL;
}
