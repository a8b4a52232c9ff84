/* SPDX-License-Identifier: MIT */
#ifndef CONFORMANCE_WINDOW_H
#define CONFORMANCE_WINDOW_H

/*
 * Let a guest return from an NMI. Bochs 2.7 keeps NMIs blocked from one guest to the next until one does: for
 * tests that leave them blocked.
 */
void window_let_nmis_in(void);

#endif
