/* SPDX-License-Identifier: MIT */
/* Page-table entries, SDM 3A "Paging". Address bits are cut by the caller to MAXPHYADDR. */
#ifndef X86_PAGING_H
#define X86_PAGING_H

#define PTE_P	 (1ull << 0)
#define PTE_W	 (1ull << 1)
#define PTE_U	 (1ull << 2)
#define PTE_PWT	 (1ull << 3)
#define PTE_PCD	 (1ull << 4)
#define PTE_A	 (1ull << 5)
#define PTE_D	 (1ull << 6)
#define PTE_PS	 (1ull << 7) /* in a level 2 or 3 entry: a page, not a table */
#define PTE_G	 (1ull << 8)
#define PTE_NX	 (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull

#define PTE_PKEY_SHIFT 59

/* PKRU and IA32_PKRS: two bits for each of 16 keys. */
#define PKR_AD 1u /* no data access */
#define PKR_WD 2u /* no write */

/* CR3 */
#define CR3_PCID     0xfffull
#define CR3_PAE_BASE 0xffffffe0ull

/* Memory types, SDM 3A "Memory Types and Their Properties"; the encoding of MTRR, PAT and EPT. */
#define MEMTYPE_UC 0
#define MEMTYPE_WC 1
#define MEMTYPE_WT 4
#define MEMTYPE_WP 5
#define MEMTYPE_WB 6

#endif
