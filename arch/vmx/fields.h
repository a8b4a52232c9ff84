/* SPDX-License-Identifier: MIT */
/*
 * VMCS field encodings, SDM 3D "Field Encoding in VMCS", in its order and words, as far as Whit
 * uses them; then the bits of the fields. A 64-bit field has one name: its full access.
 */
#ifndef ARCH_VMX_FIELDS_H
#define ARCH_VMX_FIELDS_H

/* 16-Bit Control Fields */
#define VMCS_VPID 0x0000

/* 16-Bit Guest-State Fields */
#define VMCS_GUEST_ES_SELECTOR	    0x0800
#define VMCS_GUEST_CS_SELECTOR	    0x0802
#define VMCS_GUEST_SS_SELECTOR	    0x0804
#define VMCS_GUEST_DS_SELECTOR	    0x0806
#define VMCS_GUEST_FS_SELECTOR	    0x0808
#define VMCS_GUEST_GS_SELECTOR	    0x080a
#define VMCS_GUEST_LDTR_SELECTOR    0x080c
#define VMCS_GUEST_TR_SELECTOR	    0x080e
#define VMCS_GUEST_INTERRUPT_STATUS 0x0810

/* 16-Bit Host-State Fields */
#define VMCS_HOST_ES_SELECTOR 0x0c00
#define VMCS_HOST_CS_SELECTOR 0x0c02
#define VMCS_HOST_SS_SELECTOR 0x0c04
#define VMCS_HOST_DS_SELECTOR 0x0c06
#define VMCS_HOST_FS_SELECTOR 0x0c08
#define VMCS_HOST_GS_SELECTOR 0x0c0a
#define VMCS_HOST_TR_SELECTOR 0x0c0c

/* 64-Bit Control Fields */
#define VMCS_MSR_BITMAPS	    0x2004
#define VMCS_TSC_OFFSET		    0x2010
#define VMCS_VIRTUAL_APIC_ADDRESS   0x2012
#define VMCS_APIC_ACCESS_ADDRESS    0x2014
#define VMCS_EPT_POINTER	    0x201a
#define VMCS_EOI_EXIT_BITMAP0	    0x201c
#define VMCS_XSS_EXITING_BITMAP	    0x202c
#define VMCS_ENCLS_EXITING_BITMAP   0x202e
#define VMCS_PCONFIG_EXITING_BITMAP 0x203e

/* 64-Bit Read-Only Data Field */
#define VMCS_GUEST_PHYSICAL_ADDRESS 0x2400

/* 64-Bit Guest-State Fields */
#define VMCS_LINK_POINTER   0x2800
#define VMCS_GUEST_DEBUGCTL 0x2802
#define VMCS_GUEST_PAT	    0x2804
#define VMCS_GUEST_EFER	    0x2806
#define VMCS_GUEST_PDPTE0   0x280a
#define VMCS_GUEST_PDPTE1   0x280c
#define VMCS_GUEST_PDPTE2   0x280e
#define VMCS_GUEST_PDPTE3   0x2810

/* 64-Bit Host-State Fields */
#define VMCS_HOST_PAT  0x2c00
#define VMCS_HOST_EFER 0x2c02

/* 32-Bit Control Fields */
#define VMCS_PIN_CONTROLS		 0x4000
#define VMCS_PROC_CONTROLS		 0x4002
#define VMCS_EXCEPTION_BITMAP		 0x4004
#define VMCS_PAGE_FAULT_ERROR_CODE_MASK	 0x4006
#define VMCS_PAGE_FAULT_ERROR_CODE_MATCH 0x4008
#define VMCS_CR3_TARGET_COUNT		 0x400a
#define VMCS_EXIT_CONTROLS		 0x400c
#define VMCS_EXIT_MSR_STORE_COUNT	 0x400e
#define VMCS_EXIT_MSR_LOAD_COUNT	 0x4010
#define VMCS_ENTRY_CONTROLS		 0x4012
#define VMCS_ENTRY_MSR_LOAD_COUNT	 0x4014
#define VMCS_ENTRY_INTERRUPTION_INFO	 0x4016
#define VMCS_ENTRY_EXCEPTION_ERROR_CODE	 0x4018
#define VMCS_ENTRY_INSTRUCTION_LENGTH	 0x401a
#define VMCS_TPR_THRESHOLD		 0x401c
#define VMCS_PROC2_CONTROLS		 0x401e
#define VMCS_PLE_GAP			 0x4020
#define VMCS_PLE_WINDOW			 0x4022

/* 32-Bit Read-Only Data Fields */
#define VMCS_INSTRUCTION_ERROR		  0x4400
#define VMCS_EXIT_REASON		  0x4402
#define VMCS_EXIT_INTERRUPTION_INFO	  0x4404
#define VMCS_EXIT_INTERRUPTION_ERROR_CODE 0x4406
#define VMCS_IDT_VECTORING_INFO		  0x4408
#define VMCS_IDT_VECTORING_ERROR_CODE	  0x440a
#define VMCS_EXIT_INSTRUCTION_LENGTH	  0x440c
#define VMCS_EXIT_INSTRUCTION_INFO	  0x440e

/* 32-Bit Guest-State Fields */
#define VMCS_GUEST_ES_LIMIT		  0x4800
#define VMCS_GUEST_CS_LIMIT		  0x4802
#define VMCS_GUEST_SS_LIMIT		  0x4804
#define VMCS_GUEST_DS_LIMIT		  0x4806
#define VMCS_GUEST_FS_LIMIT		  0x4808
#define VMCS_GUEST_GS_LIMIT		  0x480a
#define VMCS_GUEST_LDTR_LIMIT		  0x480c
#define VMCS_GUEST_TR_LIMIT		  0x480e
#define VMCS_GUEST_GDTR_LIMIT		  0x4810
#define VMCS_GUEST_IDTR_LIMIT		  0x4812
#define VMCS_GUEST_ES_ACCESS_RIGHTS	  0x4814
#define VMCS_GUEST_CS_ACCESS_RIGHTS	  0x4816
#define VMCS_GUEST_SS_ACCESS_RIGHTS	  0x4818
#define VMCS_GUEST_DS_ACCESS_RIGHTS	  0x481a
#define VMCS_GUEST_FS_ACCESS_RIGHTS	  0x481c
#define VMCS_GUEST_GS_ACCESS_RIGHTS	  0x481e
#define VMCS_GUEST_LDTR_ACCESS_RIGHTS	  0x4820
#define VMCS_GUEST_TR_ACCESS_RIGHTS	  0x4822
#define VMCS_GUEST_INTERRUPTIBILITY_STATE 0x4824
#define VMCS_GUEST_ACTIVITY_STATE	  0x4826
#define VMCS_GUEST_SYSENTER_CS		  0x482a
#define VMCS_PREEMPTION_TIMER_VALUE	  0x482e

/* 32-Bit Host-State Field */
#define VMCS_HOST_SYSENTER_CS 0x4c00

/* Natural-Width Control Fields */
#define VMCS_CR0_GUEST_HOST_MASK 0x6000
#define VMCS_CR4_GUEST_HOST_MASK 0x6002
#define VMCS_CR0_READ_SHADOW	 0x6004
#define VMCS_CR4_READ_SHADOW	 0x6006

/* Natural-Width Read-Only Data Fields */
#define VMCS_EXIT_QUALIFICATION	  0x6400
#define VMCS_GUEST_LINEAR_ADDRESS 0x640a

/* Natural-Width Guest-State Fields */
#define VMCS_GUEST_CR0			    0x6800
#define VMCS_GUEST_CR3			    0x6802
#define VMCS_GUEST_CR4			    0x6804
#define VMCS_GUEST_ES_BASE		    0x6806
#define VMCS_GUEST_CS_BASE		    0x6808
#define VMCS_GUEST_SS_BASE		    0x680a
#define VMCS_GUEST_DS_BASE		    0x680c
#define VMCS_GUEST_FS_BASE		    0x680e
#define VMCS_GUEST_GS_BASE		    0x6810
#define VMCS_GUEST_LDTR_BASE		    0x6812
#define VMCS_GUEST_TR_BASE		    0x6814
#define VMCS_GUEST_GDTR_BASE		    0x6816
#define VMCS_GUEST_IDTR_BASE		    0x6818
#define VMCS_GUEST_DR7			    0x681a
#define VMCS_GUEST_RSP			    0x681c
#define VMCS_GUEST_RIP			    0x681e
#define VMCS_GUEST_RFLAGS		    0x6820
#define VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS 0x6822
#define VMCS_GUEST_SYSENTER_ESP		    0x6824
#define VMCS_GUEST_SYSENTER_EIP		    0x6826

/* Natural-Width Host-State Fields */
#define VMCS_HOST_CR0	       0x6c00
#define VMCS_HOST_CR3	       0x6c02
#define VMCS_HOST_CR4	       0x6c04
#define VMCS_HOST_FS_BASE      0x6c06
#define VMCS_HOST_GS_BASE      0x6c08
#define VMCS_HOST_TR_BASE      0x6c0a
#define VMCS_HOST_GDTR_BASE    0x6c0c
#define VMCS_HOST_IDTR_BASE    0x6c0e
#define VMCS_HOST_SYSENTER_ESP 0x6c10
#define VMCS_HOST_SYSENTER_EIP 0x6c12
#define VMCS_HOST_RSP	       0x6c14
#define VMCS_HOST_RIP	       0x6c16

/* The fields of the segment registers stand in the order of enum x86_seg; GDTR and IDTR follow. */
#define VMCS_GUEST_SELECTOR(seg)      (VMCS_GUEST_ES_SELECTOR + 2 * (unsigned int)(seg))
#define VMCS_GUEST_LIMIT(seg)	      (VMCS_GUEST_ES_LIMIT + 2 * (unsigned int)(seg))
#define VMCS_GUEST_ACCESS_RIGHTS(seg) (VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * (unsigned int)(seg))
#define VMCS_GUEST_BASE(seg)	      (VMCS_GUEST_ES_BASE + 2 * (unsigned int)(seg))

/* SDM 3C "Pin-Based VM-Execution Controls" */
#define PIN_EXTERNAL_INTERRUPT_EXITING (1u << 0)
#define PIN_NMI_EXITING		       (1u << 3)
#define PIN_VIRTUAL_NMIS	       (1u << 5)
#define PIN_PREEMPTION_TIMER	       (1u << 6)

/* SDM 3C "Processor-Based VM-Execution Controls" */
#define PROC_INTERRUPT_WINDOW	(1u << 2)
#define PROC_TSC_OFFSETTING	(1u << 3)
#define PROC_HLT_EXITING	(1u << 7)
#define PROC_INVLPG_EXITING	(1u << 9)
#define PROC_MWAIT_EXITING	(1u << 10)
#define PROC_RDPMC_EXITING	(1u << 11)
#define PROC_RDTSC_EXITING	(1u << 12)
#define PROC_CR3_LOAD_EXITING	(1u << 15)
#define PROC_CR3_STORE_EXITING	(1u << 16)
#define PROC_CR8_LOAD_EXITING	(1u << 19)
#define PROC_CR8_STORE_EXITING	(1u << 20)
#define PROC_TPR_SHADOW		(1u << 21)
#define PROC_NMI_WINDOW		(1u << 22)
#define PROC_MOV_DR_EXITING	(1u << 23)
#define PROC_UNCONDITIONAL_IO	(1u << 24)
#define PROC_MONITOR_TRAP	(1u << 27)
#define PROC_MSR_BITMAPS	(1u << 28)
#define PROC_MONITOR_EXITING	(1u << 29)
#define PROC_SECONDARY_CONTROLS (1u << 31)

/* "Secondary Processor-Based VM-Execution Controls" */
#define PROC2_APIC_ACCESSES	  (1u << 0)
#define PROC2_EPT		  (1u << 1)
#define PROC2_DESCRIPTOR_TABLE	  (1u << 2)
#define PROC2_RDTSCP		  (1u << 3)
#define PROC2_X2APIC_MODE	  (1u << 4)
#define PROC2_VPID		  (1u << 5)
#define PROC2_WBINVD_EXITING	  (1u << 6)
#define PROC2_UNRESTRICTED_GUEST  (1u << 7)
#define PROC2_APIC_REGISTERS	  (1u << 8)
#define PROC2_INTERRUPT_DELIVERY  (1u << 9)
#define PROC2_PAUSE_LOOP_EXITING  (1u << 10)
#define PROC2_INVPCID		  (1u << 12)
#define PROC2_ENCLS_EXITING	  (1u << 15)
#define PROC2_XSAVES		  (1u << 20)
#define PROC2_USER_WAIT_AND_PAUSE (1u << 26)

/* SDM 3C "VM-Exit Controls" */
#define EXIT_SAVE_DEBUG_CONTROLS   (1u << 2)
#define EXIT_HOST_64_BIT	   (1u << 9)
#define EXIT_ACKNOWLEDGE_INTERRUPT (1u << 15)
#define EXIT_SAVE_PAT		   (1u << 18)
#define EXIT_LOAD_PAT		   (1u << 19)
#define EXIT_SAVE_EFER		   (1u << 20)
#define EXIT_LOAD_EFER		   (1u << 21)
#define EXIT_SAVE_TIMER		   (1u << 22)

/* SDM 3C "VM-Entry Controls" */
#define ENTRY_LOAD_DEBUG_CONTROLS (1u << 2)
#define ENTRY_IA32E_MODE_GUEST	  (1u << 9)
#define ENTRY_LOAD_PAT		  (1u << 14)
#define ENTRY_LOAD_EFER		  (1u << 15)

/*
 * SDM 3C "VM-Entry Interruption-Information Field"; VM-exit and IDT-vectoring information are
 * alike.
 */
#define INTR_VECTOR	   0xffu
#define INTR_TYPE	   0x700u
#define INTR_TYPE_SHIFT	   8
#define INTR_ERROR_CODE	   (1u << 11)
#define INTR_NMI_UNBLOCKED (1u << 12) /* exit information only: by an IRET that then faulted */
#define INTR_VALID	   (1u << 31)

#define INTR_EXTERNAL	     0u
#define INTR_NMI	     2u
#define INTR_HARD_EXCEPTION  3u
#define INTR_SOFT_INTERRUPT  4u
#define INTR_PRIVILEGED_SOFT 5u
#define INTR_SOFT_EXCEPTION  6u

/* SDM 3C "Guest Non-Register State" */
#define INTERRUPTIBILITY_STI	(1u << 0)
#define INTERRUPTIBILITY_MOV_SS (1u << 1)
#define INTERRUPTIBILITY_NMI	(1u << 3)

#define ACTIVITY_ACTIVE	       0u
#define ACTIVITY_WAIT_FOR_SIPI 3u

#define PENDING_DEBUG_ENABLED (1ull << 12) /* one of the breakpoints is */
#define PENDING_DEBUG_BS      (1ull << 14)

#define ACCESS_RIGHTS_UNUSABLE (1u << 16)

/* SDM 3D "VMX Basic Exit Reasons" */
enum vmx_reason {
	REASON_EXCEPTION_OR_NMI = 0,
	REASON_EXTERNAL_INTERRUPT = 1,
	REASON_TRIPLE_FAULT = 2,
	REASON_INIT = 3,
	REASON_SIPI = 4,
	REASON_INTERRUPT_WINDOW = 7,
	REASON_NMI_WINDOW = 8,
	REASON_TASK_SWITCH = 9,
	REASON_CPUID = 10,
	REASON_GETSEC = 11,
	REASON_HLT = 12,
	REASON_INVD = 13,
	REASON_INVLPG = 14,
	REASON_RDPMC = 15,
	REASON_RDTSC = 16,
	REASON_VMCALL = 18,
	REASON_VMCLEAR = 19,
	REASON_VMLAUNCH = 20,
	REASON_VMPTRLD = 21,
	REASON_VMPTRST = 22,
	REASON_VMREAD = 23,
	REASON_VMRESUME = 24,
	REASON_VMWRITE = 25,
	REASON_VMXOFF = 26,
	REASON_VMXON = 27,
	REASON_CR_ACCESS = 28,
	REASON_MOV_DR = 29,
	REASON_IO = 30,
	REASON_RDMSR = 31,
	REASON_WRMSR = 32,
	REASON_ENTRY_GUEST_STATE = 33,
	REASON_ENTRY_MSR_LOADING = 34,
	REASON_MWAIT = 36,
	REASON_MONITOR_TRAP = 37,
	REASON_MONITOR = 39,
	REASON_PAUSE = 40,
	REASON_ENTRY_MACHINE_CHECK = 41,
	REASON_TPR_BELOW_THRESHOLD = 43,
	REASON_APIC_ACCESS = 44,
	REASON_VIRTUALIZED_EOI = 45,
	REASON_EPT_VIOLATION = 48,
	REASON_EPT_MISCONFIGURATION = 49,
	REASON_INVEPT = 50,
	REASON_RDTSCP = 51,
	REASON_PREEMPTION_TIMER = 52,
	REASON_INVVPID = 53,
	REASON_WBINVD = 54,
	REASON_XSETBV = 55,
	REASON_APIC_WRITE = 56,
	REASON_ENCLS = 60,
	REASON_UMWAIT = 67,
	REASON_TPAUSE = 68,
	REASON_SEAMCALL = 76,
	REASON_TDCALL = 77,
	REASON_RDMSR_IMMEDIATE = 84,
	REASON_WRMSRNS_IMMEDIATE = 85,
	REASON_COUNT
};

#define EXIT_REASON_BASIC	  0xffffu
#define EXIT_REASON_ENTRY_FAILURE (1u << 31)

/* SDM 3C "Exit Qualification for Control-Register Accesses" */
#define QUAL_CR_NUMBER(q) ((uint8_t)((q)&0xf))
#define QUAL_CR_TYPE(q)	  ((unsigned int)((q) >> 4 & 3))
#define QUAL_CR_GPR(q)	  ((uint8_t)((q) >> 8 & 0xf))
#define QUAL_CR_LMSW(q)	  ((q) >> 16 & 0xffff)
enum qual_cr_type { QUAL_CR_WRITE, QUAL_CR_READ, QUAL_CR_CLTS, QUAL_CR_IS_LMSW };

/* "Exit Qualification for MOV DR" */
#define QUAL_DR_NUMBER(q) ((uint8_t)((q)&7))
#define QUAL_DR_READ	  (1ull << 4)
#define QUAL_DR_GPR(q)	  ((uint8_t)((q) >> 8 & 0xf))

/* "Exit Qualification for I/O Instructions" */
#define QUAL_IO_SIZE(q) ((uint8_t)(((q)&7) + 1))
#define QUAL_IO_IN	(1ull << 3)
#define QUAL_IO_STRING	(1ull << 4)
#define QUAL_IO_REP	(1ull << 5)
#define QUAL_IO_PORT(q) ((uint16_t)((q) >> 16))

/* "Exit Qualification for EPT Violations" */
#define QUAL_EPT_READ	       (1ull << 0)
#define QUAL_EPT_WRITE	       (1ull << 1)
#define QUAL_EPT_FETCH	       (1ull << 2)
#define QUAL_EPT_GVA_VALID     (1ull << 7)
#define QUAL_EPT_IS_FINAL      (1ull << 8)
#define QUAL_EPT_NMI_UNBLOCKED (1ull << 12)

/*
 * "Exit Qualification for APIC-Access VM Exits": linear read, write, fetch, during event delivery;
 * guest-physical
 */
#define QUAL_APIC_OFFSET(q) ((q)&0xfff)
#define QUAL_APIC_TYPE(q)   ((unsigned int)((q) >> 12 & 0xf))
enum qual_apic_type {
	QUAL_APIC_READ,
	QUAL_APIC_WRITE,
	QUAL_APIC_FETCH,
	QUAL_APIC_DELIVERY,
	QUAL_APIC_PHYSICAL_DELIVERY = 10,
	QUAL_APIC_PHYSICAL = 15
};

/* "Exit Qualification for Task Switches" */
#define QUAL_TASK_SELECTOR(q) ((uint16_t)(q))
#define QUAL_TASK_SOURCE(q)   ((uint8_t)((q) >> 30 & 3))

/* "Exit Qualification for Debug Exceptions": B0-B3, BD, BS as in DR6 */
#define QUAL_DB_BITS 0x600full

#endif
