/* SPDX-License-Identifier: MIT */
/* Instructions on eight pages of hidden memory, for probe_call(): hidden_insn.asm. */
#ifndef CONFORMANCE_HIDDEN_INSN_H
#define CONFORMANCE_HIDDEN_INSN_H

#include <stdint.h>

extern uint64_t hidden_at;    /* the first page */
extern uint64_t hidden_after; /* what a probe leaves for its caller */

/* To and from ports: of one byte, and of 16 across the end of the page. hidden_after: the address that is reached. */
void hidden_insb(void);
void hidden_rep_insb(void);
void hidden_outsb(void);
void hidden_rep_outsb(void);
/* 257 quadwords from memory, and 257 backwards: three pages. */
void hidden_rep_movs(void);
void hidden_rep_stos_down(void);
/* A stack there, across the end of a page: what is popped again. */
void hidden_push(void);
void hidden_pop_memory(void);
void hidden_call(void);	  /* 1: the address that was pushed is right */
void hidden_enter(void);  /* RSP */
void hidden_fxsave(void); /* MXCSR */
void hidden_xsave(void);  /* XSTATE_BV; CR4.OSXSAVE is set meanwhile */
void hidden_locked(void); /* ones and one */
void hidden_sgdt(void);	  /* 1: the limit is right */
/* A segment register loaded out of a descriptor table there: the descriptor's byte of type, which is marked accessed. */
void hidden_descriptor(void);
/* These end in #UD: code there, and a stack there for the frame of a fault. */
void hidden_fetch(void);
void hidden_frame(void);

#endif
