/* SPDX-License-Identifier: MIT */
/* Exception vectors and error codes, SDM 3A "Interrupt and Exception Handling". */
#ifndef X86_EXC_H
#define X86_EXC_H

#define EXC_DE	0
#define EXC_DB	1
#define EXC_NMI 2
#define EXC_BP	3
#define EXC_OF	4
#define EXC_BR	5
#define EXC_UD	6
#define EXC_NM	7
#define EXC_DF	8
#define EXC_TS	10
#define EXC_NP	11
#define EXC_SS	12
#define EXC_GP	13
#define EXC_PF	14
#define EXC_MF	16
#define EXC_AC	17
#define EXC_MC	18
#define EXC_XM	19
#define EXC_VE	20
#define EXC_CP	21

/* Vectors below 32 that push an error code. */
#define EXC_HAS_ERROR_CODE                                                                    \
	((1u << EXC_DF) | (1u << EXC_TS) | (1u << EXC_NP) | (1u << EXC_SS) | (1u << EXC_GP) | \
	 (1u << EXC_PF) | (1u << EXC_AC) | (1u << EXC_CP))

/* Page-fault error code, SDM 3A "Page-Fault Error Code". */
#define PF_P	(1u << 0)
#define PF_W	(1u << 1)
#define PF_U	(1u << 2)
#define PF_RSVD (1u << 3)
#define PF_I	(1u << 4)
#define PF_PK	(1u << 5)

#endif
