/* SPDX-License-Identifier: MIT */
/*
 * What the checks of the local APIC share: one board, the registers by name, and each check in both modes of the
 * APIC. SDM 3A "Advanced Programmable Interrupt Controller (APIC)".
 */
#ifndef CONFORMANCE_APIC_H
#define CONFORMANCE_APIC_H

#include "tests/system/apps/conformance/board.h"
#include "tests/system/apps/conformance/check.h"
#include "x86/apic.h"

/* Registers: the page holds number n at 16 * n, x2APIC mode at MSR 800h + n. */
#define APIC_ID		 0x02u
#define APIC_VERSION	 0x03u
#define APIC_TPR	 0x08u
#define APIC_APR	 0x09u
#define APIC_PPR	 0x0au
#define APIC_EOI	 0x0bu
#define APIC_LDR	 0x0du
#define APIC_DFR	 0x0eu
#define APIC_SVR	 0x0fu
#define APIC_ISR	 0x10u
#define APIC_TMR	 0x18u
#define APIC_IRR	 0x20u
#define APIC_ESR	 0x28u
#define APIC_LVT_CMCI	 0x2fu
#define APIC_ICR	 0x30u
#define APIC_ICR_HIGH	 0x31u /* xAPIC alone */
#define APIC_LVT_TIMER	 0x32u
#define APIC_LVT_THERMAL 0x33u
#define APIC_LVT_PERF	 0x34u
#define APIC_LVT_LINT0	 0x35u
#define APIC_LVT_LINT1	 0x36u
#define APIC_LVT_ERROR	 0x37u
#define APIC_INITIAL	 0x38u
#define APIC_CURRENT	 0x39u
#define APIC_DIVIDE	 0x3eu
#define APIC_SELF_IPI	 0x3fu /* x2APIC alone */

#define MSR_APIC_BASE	 0x1bu
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_X2APIC	 0x800u

#define SVR_ENABLED  0x1ffu /* spurious vector 255 */
#define LVT_MASKED   (1u << 16)
#define LVT_PERIODIC (1u << 17)
#define LVT_DEADLINE (2u << 17)
#define ICR_FIXED    (0u << 8)
#define ICR_LOWEST   (1u << 8)
#define ICR_SMI	     (2u << 8)
#define ICR_NMI	     (4u << 8)
#define ICR_INIT     (5u << 8)
#define ICR_SIPI     (6u << 8)
#define ICR_LOGICAL  (1u << 11)
#define ICR_ASSERT   (1u << 14)
#define ICR_LEVEL    (1u << 15)
#define ICR_SELF     (1u << 18)
#define ICR_ALL	     (2u << 18)
#define ICR_OTHERS   (3u << 18)
#define ESR_SEND     (1u << 5) /* illegal vector sent */
#define ESR_RECEIVE  (1u << 6)
#define ESR_REGISTER (1u << 7)
#define DIVIDE_BY_1  0xbu
#define DIVIDE_BY_16 0x3u

extern struct board apic_board;
extern bool apic_is_x2; /* the mode that the check is in */

/* Entries that read and write a register in the mode of the moment. */
struct op apic_read(uint32_t reg);
struct op apic_write(uint32_t reg, uint64_t value);

/* Send an IPI: the low half of the ICR, and an APIC ID or logical destination. Two entries (the first may be idle). */
struct op apic_destination(uint32_t destination);
struct op apic_send(uint32_t low, uint32_t destination);

/* The action of a handler that ends its interrupt. */
uint8_t apic_eoi_action(void);

/* What the guest reads in a register, or writes; VP vp, on its own. The fault, if there is one: apic_fault. */
uint64_t apic_get(uint32_t vp, uint32_t reg);
void apic_set(uint32_t vp, uint32_t reg, uint64_t value);
extern uint64_t apic_fault;

/* One entry on its own; its result. */
uint64_t apic_do(uint32_t vp, struct op op);

/* Is a vector in one of the three bit maps of 256? */
bool apic_bit(uint32_t vp, uint32_t map, uint8_t vector);

/* A board whose VPs have their APICs enabled, in the mode of the moment. */
void apic_begin(const struct board_options *options);
void apic_begin_with(uint32_t n_vps);
void apic_end(void);

/* WHvRequestInterrupt. */
HRESULT apic_request(uint32_t type, uint32_t destination, uint32_t vector, bool is_logical,
		     bool is_level);

/* Interrupts are let in for a moment: how many have come to VP vp altogether. */
uint64_t apic_take(uint32_t vp);

/* Rows of a table of tests that are run in both modes, one after the other, or once, in the mode that they choose. */
struct apic_test {
	struct test test;
	bool is_in_both;
};

#define BOTH(name)               \
	{                        \
		TEST(name), true \
	}
#define ONCE(name)                \
	{                         \
		TEST(name), false \
	}

#define RUN_APIC(tests) apic_run((tests), sizeof(tests) / sizeof((tests)[0]))
void apic_run(const struct apic_test *tests, size_t n_tests);

/* The groups, for apic.c. */
void apic_register_checks(void);
void apic_msr_checks(void);
void apic_priority_checks(void);
void apic_timer_checks(void);
void apic_ipi_checks(void);
void apic_request_checks(void);
void apic_trap_checks(void);
void apic_state_checks(void);

#endif
