/* SPDX-License-Identifier: MIT */
/*
 * The EVEX opcodes that exist, and their forms, SDM 2 "Instruction Set Reference": AVX-512 F CD
 * BW DQ VL IFMA VBMI VBMI2 VNNI BITALG VPOPCNTDQ BF16 FP16 VP2INTERSECT, GFNI, VAES,
 * VPCLMULQDQ. Not ER, PF, 4FMAPS and 4VNNIW, which were Xeon Phi's alone.
 */
#include "emu/vex_shape.h"

static const uint32_t shapes_0f_np[] = {
	E(0x10, W_0, LALL, RM, VL | KZ),		   /* VMOVUPS */
	E(0x11, W_0, LALL, RM, VL | KST),		   /* VMOVUPS */
	E(0x12, W_0, L128, RM, NDS | T8),		   /* VMOVHLPS VMOVLPS */
	E(0x13, W_0, L128, MEM, T8),			   /* VMOVLPS */
	E(0x14, W_0, LALL, RM, NDS | VL | BCST | KZ),	   /* VUNPCKLPS */
	E(0x15, W_0, LALL, RM, NDS | VL | BCST | KZ),	   /* VUNPCKHPS */
	E(0x16, W_0, L128, RM, NDS | T8),		   /* VMOVHPS VMOVLHPS */
	E(0x17, W_0, L128, MEM, T8),			   /* VMOVHPS */
	E(0x28, W_0, LALL, RM, VL | KZ),		   /* VMOVAPS */
	E(0x29, W_0, LALL, RM, VL | KST),		   /* VMOVAPS */
	E(0x2b, W_0, LALL, MEM, VL),			   /* VMOVNTPS */
	E(0x2e, W_0, LALL, RM, T4 | RC),		   /* VUCOMISS */
	E(0x2f, W_0, LALL, RM, T4 | RC),		   /* VCOMISS */
	E(0x51, W_0, LALL, RM, VL | BCST | RC | KZ),	   /* VSQRTPS */
	E(0x54, W_0, LALL, RM, NDS | VL | BCST | KZ),	   /* VANDPS */
	E(0x55, W_0, LALL, RM, NDS | VL | BCST | KZ),	   /* VANDNPS */
	E(0x56, W_0, LALL, RM, NDS | VL | BCST | KZ),	   /* VORPS */
	E(0x57, W_0, LALL, RM, NDS | VL | BCST | KZ),	   /* VXORPS */
	E(0x58, W_0, LALL, RM, NDS | VL | BCST | RC | KZ), /* VADDPS */
	E(0x59, W_0, LALL, RM, NDS | VL | BCST | RC | KZ), /* VMULPS */
	E(0x5a, W_0, LALL, RM, VL2 | BCST | RC | KZ),	   /* VCVTPS2PD */
	E(0x5b, W_01, LALL, RM, VL | BCST | RC | KZ),	   /* VCVTDQ2PS VCVTQQ2PS */
	E(0x5c, W_0, LALL, RM, NDS | VL | BCST | RC | KZ), /* VSUBPS */
	E(0x5d, W_0, LALL, RM, NDS | VL | BCST | RC | KZ), /* VMINPS */
	E(0x5e, W_0, LALL, RM, NDS | VL | BCST | RC | KZ), /* VDIVPS */
	E(0x5f, W_0, LALL, RM, NDS | VL | BCST | RC | KZ), /* VMAXPS */
	E(0x78, W_01, LALL, RM, VL | BCST | RC | KZ),	   /* VCVTTPD2UDQ VCVTTPS2UDQ */
	E(0x79, W_01, LALL, RM, VL | BCST | RC | KZ),	   /* VCVTPD2UDQ VCVTPS2UDQ */
	E(0xc2, W_0, LALL, RM, NDS | VL | BCST | RC | KM | IB | REG_K), /* VCMPPS */
	E(0xc6, W_0, LALL, RM, NDS | VL | BCST | KZ | IB),		/* VSHUFPS */
};

static const uint32_t shapes_0f_66[] = {
	E(0x10, W_1, LALL, RM, VL | KZ),				/* VMOVUPD */
	E(0x11, W_1, LALL, RM, VL | KST),				/* VMOVUPD */
	E(0x12, W_1, L128, MEM, NDS | T8),				/* VMOVLPD */
	E(0x13, W_1, L128, MEM, T8),					/* VMOVLPD */
	E(0x14, W_1, LALL, RM, NDS | VL | BCST | KZ),			/* VUNPCKLPD */
	E(0x15, W_1, LALL, RM, NDS | VL | BCST | KZ),			/* VUNPCKHPD */
	E(0x16, W_1, L128, MEM, NDS | T8),				/* VMOVHPD */
	E(0x17, W_1, L128, MEM, T8),					/* VMOVHPD */
	E(0x28, W_1, LALL, RM, VL | KZ),				/* VMOVAPD */
	E(0x29, W_1, LALL, RM, VL | KST),				/* VMOVAPD */
	E(0x2b, W_1, LALL, MEM, VL),					/* VMOVNTPD */
	E(0x2e, W_1, LALL, RM, T8 | RC),				/* VUCOMISD */
	E(0x2f, W_1, LALL, RM, T8 | RC),				/* VCOMISD */
	E(0x51, W_1, LALL, RM, VL | BCST | RC | KZ),			/* VSQRTPD */
	E(0x54, W_1, LALL, RM, NDS | VL | BCST | KZ),			/* VANDPD */
	E(0x55, W_1, LALL, RM, NDS | VL | BCST | KZ),			/* VANDNPD */
	E(0x56, W_1, LALL, RM, NDS | VL | BCST | KZ),			/* VORPD */
	E(0x57, W_1, LALL, RM, NDS | VL | BCST | KZ),			/* VXORPD */
	E(0x58, W_1, LALL, RM, NDS | VL | BCST | RC | KZ),		/* VADDPD */
	E(0x59, W_1, LALL, RM, NDS | VL | BCST | RC | KZ),		/* VMULPD */
	E(0x5a, W_1, LALL, RM, VL | BCST | RC | KZ),			/* VCVTPD2PS */
	E(0x5b, W_0, LALL, RM, VL | BCST | RC | KZ),			/* VCVTPS2DQ */
	E(0x5c, W_1, LALL, RM, NDS | VL | BCST | RC | KZ),		/* VSUBPD */
	E(0x5d, W_1, LALL, RM, NDS | VL | BCST | RC | KZ),		/* VMINPD */
	E(0x5e, W_1, LALL, RM, NDS | VL | BCST | RC | KZ),		/* VDIVPD */
	E(0x5f, W_1, LALL, RM, NDS | VL | BCST | RC | KZ),		/* VMAXPD */
	E(0x60, W_01, LALL, RM, NDS | VL | KZ),				/* VPUNPCKLBW */
	E(0x61, W_01, LALL, RM, NDS | VL | KZ),				/* VPUNPCKLWD */
	E(0x62, W_0, LALL, RM, NDS | VL | BCST | KZ),			/* VPUNPCKLDQ */
	E(0x63, W_01, LALL, RM, NDS | VL | KZ),				/* VPACKSSWB */
	E(0x64, W_01, LALL, RM, NDS | VL | KM | REG_K),			/* VPCMPGTB */
	E(0x65, W_01, LALL, RM, NDS | VL | KM | REG_K),			/* VPCMPGTW */
	E(0x66, W_0, LALL, RM, NDS | VL | BCST | KM | REG_K),		/* VPCMPGTD */
	E(0x67, W_01, LALL, RM, NDS | VL | KZ),				/* VPACKUSWB */
	E(0x68, W_01, LALL, RM, NDS | VL | KZ),				/* VPUNPCKHBW */
	E(0x69, W_01, LALL, RM, NDS | VL | KZ),				/* VPUNPCKHWD */
	E(0x6a, W_0, LALL, RM, NDS | VL | BCST | KZ),			/* VPUNPCKHDQ */
	E(0x6b, W_0, LALL, RM, NDS | VL | BCST | KZ),			/* VPACKSSDW */
	E(0x6c, W_1, LALL, RM, NDS | VL | BCST | KZ),			/* VPUNPCKLQDQ */
	E(0x6d, W_1, LALL, RM, NDS | VL | BCST | KZ),			/* VPUNPCKHQDQ */
	E(0x6e, W_01, L128, RM, TY),					/* VMOVD VMOVQ */
	E(0x6f, W_01, LALL, RM, VL | KZ),				/* VMOVDQA32 VMOVDQA64 */
	E(0x70, W_0, LALL, RM, VL | BCST | KZ | IB),			/* VPSHUFD */
	E(0x71, W_01, LALL, RM, NDS | VL | KZ | IB | EXT(2)),		/* VPSRLW */
	E(0x71, W_01, LALL, RM, NDS | VL | KZ | IB | EXT(4)),		/* VPSRAW */
	E(0x71, W_01, LALL, RM, NDS | VL | KZ | IB | EXT(6)),		/* VPSLLW */
	E(0x72, W_01, LALL, RM, NDS | VL | BCST | KZ | IB | EXT(0)),	/* VPRORD VPRORQ */
	E(0x72, W_01, LALL, RM, NDS | VL | BCST | KZ | IB | EXT(1)),	/* VPROLD VPROLQ */
	E(0x72, W_0, LALL, RM, NDS | VL | BCST | KZ | IB | EXT(2)),	/* VPSRLD */
	E(0x72, W_01, LALL, RM, NDS | VL | BCST | KZ | IB | EXT(4)),	/* VPSRAD VPSRAQ */
	E(0x72, W_0, LALL, RM, NDS | VL | BCST | KZ | IB | EXT(6)),	/* VPSLLD */
	E(0x73, W_01, LALL, RM, NDS | VL | IB | EXT(3)),		/* VPSRLDQ */
	E(0x73, W_01, LALL, RM, NDS | VL | IB | EXT(7)),		/* VPSLLDQ */
	E(0x73, W_1, LALL, RM, NDS | VL | BCST | KZ | IB | EXT(2)),	/* VPSRLQ */
	E(0x73, W_1, LALL, RM, NDS | VL | BCST | KZ | IB | EXT(6)),	/* VPSLLQ */
	E(0x74, W_01, LALL, RM, NDS | VL | KM | REG_K),			/* VPCMPEQB */
	E(0x75, W_01, LALL, RM, NDS | VL | KM | REG_K),			/* VPCMPEQW */
	E(0x76, W_0, LALL, RM, NDS | VL | BCST | KM | REG_K),		/* VPCMPEQD */
	E(0x78, W_0, LALL, RM, VL2 | BCST | RC | KZ),			/* VCVTTPS2UQQ */
	E(0x78, W_1, LALL, RM, VL | BCST | RC | KZ),			/* VCVTTPD2UQQ */
	E(0x79, W_0, LALL, RM, VL2 | BCST | RC | KZ),			/* VCVTPS2UQQ */
	E(0x79, W_1, LALL, RM, VL | BCST | RC | KZ),			/* VCVTPD2UQQ */
	E(0x7a, W_0, LALL, RM, VL2 | BCST | RC | KZ),			/* VCVTTPS2QQ */
	E(0x7a, W_1, LALL, RM, VL | BCST | RC | KZ),			/* VCVTTPD2QQ */
	E(0x7b, W_0, LALL, RM, VL2 | BCST | RC | KZ),			/* VCVTPS2QQ */
	E(0x7b, W_1, LALL, RM, VL | BCST | RC | KZ),			/* VCVTPD2QQ */
	E(0x7e, W_01, L128, RM, TY),					/* VMOVD VMOVQ */
	E(0x7f, W_01, LALL, RM, VL | KST),				/* VMOVDQA32 VMOVDQA64 */
	E(0xc2, W_1, LALL, RM, NDS | VL | BCST | RC | KM | IB | REG_K), /* VCMPPD */
	E(0xc4, W_01, L128, RM, NDS | T2 | IB),				/* VPINSRW */
	E(0xc5, W_01, L128, REG, IB | REG_G),				/* VPEXTRW */
	E(0xc6, W_1, LALL, RM, NDS | VL | BCST | KZ | IB),		/* VSHUFPD */
	E(0xd1, W_01, LALL, RM, NDS | T16 | KZ),			/* VPSRLW */
	E(0xd2, W_0, LALL, RM, NDS | T16 | KZ),				/* VPSRLD */
	E(0xd3, W_1, LALL, RM, NDS | T16 | KZ),				/* VPSRLQ */
	E(0xd4, W_1, LALL, RM, NDS | VL | BCST | KZ),			/* VPADDQ */
	E(0xd5, W_01, LALL, RM, NDS | VL | KZ),				/* VPMULLW */
	E(0xd6, W_1, L128, RM, T8),					/* VMOVQ */
	E(0xd8, W_01, LALL, RM, NDS | VL | KZ),				/* VPSUBUSB */
	E(0xd9, W_01, LALL, RM, NDS | VL | KZ),				/* VPSUBUSW */
	E(0xda, W_01, LALL, RM, NDS | VL | KZ),				/* VPMINUB */
	E(0xdb, W_01, LALL, RM, NDS | VL | BCST | KZ),			/* VPANDD VPANDQ */
	E(0xdc, W_01, LALL, RM, NDS | VL | KZ),				/* VPADDUSB */
	E(0xdd, W_01, LALL, RM, NDS | VL | KZ),				/* VPADDUSW */
	E(0xde, W_01, LALL, RM, NDS | VL | KZ),				/* VPMAXUB */
	E(0xdf, W_01, LALL, RM, NDS | VL | BCST | KZ),			/* VPANDND VPANDNQ */
	E(0xe0, W_01, LALL, RM, NDS | VL | KZ),				/* VPAVGB */
	E(0xe1, W_01, LALL, RM, NDS | T16 | KZ),			/* VPSRAW */
	E(0xe2, W_01, LALL, RM, NDS | T16 | KZ),			/* VPSRAD VPSRAQ */
	E(0xe3, W_01, LALL, RM, NDS | VL | KZ),				/* VPAVGW */
	E(0xe4, W_01, LALL, RM, NDS | VL | KZ),				/* VPMULHUW */
	E(0xe5, W_01, LALL, RM, NDS | VL | KZ),				/* VPMULHW */
	E(0xe6, W_1, LALL, RM, VL | BCST | RC | KZ),			/* VCVTTPD2DQ */
	E(0xe7, W_0, LALL, MEM, VL),					/* VMOVNTDQ */
	E(0xe8, W_01, LALL, RM, NDS | VL | KZ),				/* VPSUBSB */
	E(0xe9, W_01, LALL, RM, NDS | VL | KZ),				/* VPSUBSW */
	E(0xea, W_01, LALL, RM, NDS | VL | KZ),				/* VPMINSW */
	E(0xeb, W_01, LALL, RM, NDS | VL | BCST | KZ),			/* VPORD VPORQ */
	E(0xec, W_01, LALL, RM, NDS | VL | KZ),				/* VPADDSB */
	E(0xed, W_01, LALL, RM, NDS | VL | KZ),				/* VPADDSW */
	E(0xee, W_01, LALL, RM, NDS | VL | KZ),				/* VPMAXSW */
	E(0xef, W_01, LALL, RM, NDS | VL | BCST | KZ),			/* VPXORD VPXORQ */
	E(0xf1, W_01, LALL, RM, NDS | T16 | KZ),			/* VPSLLW */
	E(0xf2, W_0, LALL, RM, NDS | T16 | KZ),				/* VPSLLD */
	E(0xf3, W_1, LALL, RM, NDS | T16 | KZ),				/* VPSLLQ */
	E(0xf4, W_1, LALL, RM, NDS | VL | BCST | KZ),			/* VPMULUDQ */
	E(0xf5, W_01, LALL, RM, NDS | VL | KZ),				/* VPMADDWD */
	E(0xf6, W_01, LALL, RM, NDS | VL),				/* VPSADBW */
	E(0xf8, W_01, LALL, RM, NDS | VL | KZ),				/* VPSUBB */
	E(0xf9, W_01, LALL, RM, NDS | VL | KZ),				/* VPSUBW */
	E(0xfa, W_0, LALL, RM, NDS | VL | BCST | KZ),			/* VPSUBD */
	E(0xfb, W_1, LALL, RM, NDS | VL | BCST | KZ),			/* VPSUBQ */
	E(0xfc, W_01, LALL, RM, NDS | VL | KZ),				/* VPADDB */
	E(0xfd, W_01, LALL, RM, NDS | VL | KZ),				/* VPADDW */
	E(0xfe, W_0, LALL, RM, NDS | VL | BCST | KZ),			/* VPADDD */
};

static const uint32_t shapes_0f_f3[] = {
	E(0x10, W_0, LALL, MEM, T4 | KZ),			 /* VMOVSS */
	E(0x10, W_0, LALL, REG, NDS | KZ),			 /* VMOVSS */
	E(0x11, W_0, LALL, MEM, T4 | KM),			 /* VMOVSS */
	E(0x11, W_0, LALL, REG, NDS | KZ),			 /* VMOVSS */
	E(0x12, W_0, LALL, RM, VL | KZ),			 /* VMOVSLDUP */
	E(0x16, W_0, LALL, RM, VL | KZ),			 /* VMOVSHDUP */
	E(0x2a, W_01, LALL, RM, NDS | TY | RC),			 /* VCVTSI2SS */
	E(0x2c, W_01, LALL, RM, T4 | RC | REG_G),		 /* VCVTTSS2SI */
	E(0x2d, W_01, LALL, RM, T4 | RC | REG_G),		 /* VCVTSS2SI */
	E(0x51, W_0, LALL, RM, NDS | T4 | RC | KZ),		 /* VSQRTSS */
	E(0x58, W_0, LALL, RM, NDS | T4 | RC | KZ),		 /* VADDSS */
	E(0x59, W_0, LALL, RM, NDS | T4 | RC | KZ),		 /* VMULSS */
	E(0x5a, W_0, LALL, RM, NDS | T4 | RC | KZ),		 /* VCVTSS2SD */
	E(0x5b, W_0, LALL, RM, VL | BCST | RC | KZ),		 /* VCVTTPS2DQ */
	E(0x5c, W_0, LALL, RM, NDS | T4 | RC | KZ),		 /* VSUBSS */
	E(0x5d, W_0, LALL, RM, NDS | T4 | RC | KZ),		 /* VMINSS */
	E(0x5e, W_0, LALL, RM, NDS | T4 | RC | KZ),		 /* VDIVSS */
	E(0x5f, W_0, LALL, RM, NDS | T4 | RC | KZ),		 /* VMAXSS */
	E(0x6f, W_01, LALL, RM, VL | KZ),			 /* VMOVDQU32 VMOVDQU64 */
	E(0x70, W_01, LALL, RM, VL | KZ | IB),			 /* VPSHUFHW */
	E(0x78, W_01, LALL, RM, T4 | RC | REG_G),		 /* VCVTTSS2USI */
	E(0x79, W_01, LALL, RM, T4 | RC | REG_G),		 /* VCVTSS2USI */
	E(0x7a, W_0, LALL, RM, VL2 | BCST | RC | KZ),		 /* VCVTUDQ2PD */
	E(0x7a, W_1, LALL, RM, VL | BCST | RC | KZ),		 /* VCVTUQQ2PD */
	E(0x7b, W_01, LALL, RM, NDS | TY | RC),			 /* VCVTUSI2SS */
	E(0x7e, W_1, L128, RM, T8),				 /* VMOVQ */
	E(0x7f, W_01, LALL, RM, VL | KST),			 /* VMOVDQU32 VMOVDQU64 */
	E(0xc2, W_0, LALL, RM, NDS | T4 | RC | KM | IB | REG_K), /* VCMPSS */
	E(0xe6, W_0, LALL, RM, VL2 | BCST | RC | KZ),		 /* VCVTDQ2PD */
	E(0xe6, W_1, LALL, RM, VL | BCST | RC | KZ),		 /* VCVTQQ2PD */
};

static const uint32_t shapes_0f_f2[] = {
	E(0x10, W_1, LALL, MEM, T8 | KZ),			 /* VMOVSD */
	E(0x10, W_1, LALL, REG, NDS | KZ),			 /* VMOVSD */
	E(0x11, W_1, LALL, MEM, T8 | KM),			 /* VMOVSD */
	E(0x11, W_1, LALL, REG, NDS | KZ),			 /* VMOVSD */
	E(0x12, W_1, LALL, RM, TDUP | KZ),			 /* VMOVDDUP */
	E(0x2a, W_01, LALL, RM, NDS | TY | RC),			 /* VCVTSI2SD */
	E(0x2c, W_01, LALL, RM, T8 | RC | REG_G),		 /* VCVTTSD2SI */
	E(0x2d, W_01, LALL, RM, T8 | RC | REG_G),		 /* VCVTSD2SI */
	E(0x51, W_1, LALL, RM, NDS | T8 | RC | KZ),		 /* VSQRTSD */
	E(0x58, W_1, LALL, RM, NDS | T8 | RC | KZ),		 /* VADDSD */
	E(0x59, W_1, LALL, RM, NDS | T8 | RC | KZ),		 /* VMULSD */
	E(0x5a, W_1, LALL, RM, NDS | T8 | RC | KZ),		 /* VCVTSD2SS */
	E(0x5c, W_1, LALL, RM, NDS | T8 | RC | KZ),		 /* VSUBSD */
	E(0x5d, W_1, LALL, RM, NDS | T8 | RC | KZ),		 /* VMINSD */
	E(0x5e, W_1, LALL, RM, NDS | T8 | RC | KZ),		 /* VDIVSD */
	E(0x5f, W_1, LALL, RM, NDS | T8 | RC | KZ),		 /* VMAXSD */
	E(0x6f, W_01, LALL, RM, VL | KZ),			 /* VMOVDQU16 VMOVDQU8 */
	E(0x70, W_01, LALL, RM, VL | KZ | IB),			 /* VPSHUFLW */
	E(0x78, W_01, LALL, RM, T8 | RC | REG_G),		 /* VCVTTSD2USI */
	E(0x79, W_01, LALL, RM, T8 | RC | REG_G),		 /* VCVTSD2USI */
	E(0x7a, W_01, LALL, RM, VL | BCST | RC | KZ),		 /* VCVTUDQ2PS VCVTUQQ2PS */
	E(0x7b, W_01, LALL, RM, NDS | TY | RC),			 /* VCVTUSI2SD */
	E(0x7f, W_01, LALL, RM, VL | KST),			 /* VMOVDQU16 VMOVDQU8 */
	E(0xc2, W_1, LALL, RM, NDS | T8 | RC | KM | IB | REG_K), /* VCMPSD */
	E(0xe6, W_1, LALL, RM, VL | BCST | RC | KZ),		 /* VCVTPD2DQ */
};

static const uint32_t shapes_0f38_66[] = {
	E(0x00, W_01, LALL, RM, NDS | VL | KZ),		       /* VPSHUFB */
	E(0x04, W_01, LALL, RM, NDS | VL | KZ),		       /* VPMADDUBSW */
	E(0x0b, W_01, LALL, RM, NDS | VL | KZ),		       /* VPMULHRSW */
	E(0x0c, W_0, LALL, RM, NDS | VL | BCST | KZ),	       /* VPERMILPS */
	E(0x0d, W_1, LALL, RM, NDS | VL | BCST | KZ),	       /* VPERMILPD */
	E(0x10, W_1, LALL, RM, NDS | VL | KZ),		       /* VPSRLVW */
	E(0x11, W_1, LALL, RM, NDS | VL | KZ),		       /* VPSRAVW */
	E(0x12, W_1, LALL, RM, NDS | VL | KZ),		       /* VPSLLVW */
	E(0x13, W_0, LALL, RM, VL2 | RC | KZ),		       /* VCVTPH2PS */
	E(0x14, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPRORVD VPRORVQ */
	E(0x15, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPROLVD VPROLVQ */
	E(0x16, W_01, L256 | L512, RM, NDS | VL | BCST | KZ),  /* VPERMPD VPERMPS */
	E(0x18, W_0, LALL, RM, T4 | KZ),		       /* VBROADCASTSS */
	E(0x19, W_01, L256 | L512, RM, T8 | KZ),	       /* VBROADCASTF32X2 VBROADCASTSD */
	E(0x1a, W_01, L256 | L512, MEM, T16 | KZ),	       /* VBROADCASTF32X4 VBROADCASTF64X2 */
	E(0x1b, W_01, L512, MEM, T32 | KZ),		       /* VBROADCASTF32X8 VBROADCASTF64X4 */
	E(0x1c, W_01, LALL, RM, VL | KZ),		       /* VPABSB */
	E(0x1d, W_01, LALL, RM, VL | KZ),		       /* VPABSW */
	E(0x1e, W_0, LALL, RM, VL | BCST | KZ),		       /* VPABSD */
	E(0x1f, W_1, LALL, RM, VL | BCST | KZ),		       /* VPABSQ */
	E(0x20, W_01, LALL, RM, VL2 | KZ),		       /* VPMOVSXBW */
	E(0x21, W_01, LALL, RM, VL4 | KZ),		       /* VPMOVSXBD */
	E(0x22, W_01, LALL, RM, VL8 | KZ),		       /* VPMOVSXBQ */
	E(0x23, W_01, LALL, RM, VL2 | KZ),		       /* VPMOVSXWD */
	E(0x24, W_01, LALL, RM, VL4 | KZ),		       /* VPMOVSXWQ */
	E(0x25, W_0, LALL, RM, VL2 | KZ),		       /* VPMOVSXDQ */
	E(0x26, W_01, LALL, RM, NDS | VL | KM | REG_K),	       /* VPTESTMB VPTESTMW */
	E(0x27, W_01, LALL, RM, NDS | VL | BCST | KM | REG_K), /* VPTESTMD VPTESTMQ */
	E(0x28, W_1, LALL, RM, NDS | VL | BCST | KZ),	       /* VPMULDQ */
	E(0x29, W_1, LALL, RM, NDS | VL | BCST | KM | REG_K),  /* VPCMPEQQ */
	E(0x2a, W_0, LALL, MEM, VL),			       /* VMOVNTDQA */
	E(0x2b, W_0, LALL, RM, NDS | VL | BCST | KZ),	       /* VPACKUSDW */
	E(0x2c, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VSCALEFPD VSCALEFPS */
	E(0x2d, W_01, LALL, RM, NDS | TW | RC | KZ),	       /* VSCALEFSD VSCALEFSS */
	E(0x30, W_01, LALL, RM, VL2 | KZ),		       /* VPMOVZXBW */
	E(0x31, W_01, LALL, RM, VL4 | KZ),		       /* VPMOVZXBD */
	E(0x32, W_01, LALL, RM, VL8 | KZ),		       /* VPMOVZXBQ */
	E(0x33, W_01, LALL, RM, VL2 | KZ),		       /* VPMOVZXWD */
	E(0x34, W_01, LALL, RM, VL4 | KZ),		       /* VPMOVZXWQ */
	E(0x35, W_0, LALL, RM, VL2 | KZ),		       /* VPMOVZXDQ */
	E(0x36, W_01, L256 | L512, RM, NDS | VL | BCST | KZ),  /* VPERMD VPERMQ */
	E(0x37, W_1, LALL, RM, NDS | VL | BCST | KM | REG_K),  /* VPCMPGTQ */
	E(0x38, W_01, LALL, RM, NDS | VL | KZ),		       /* VPMINSB */
	E(0x39, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPMINSD VPMINSQ */
	E(0x3a, W_01, LALL, RM, NDS | VL | KZ),		       /* VPMINUW */
	E(0x3b, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPMINUD VPMINUQ */
	E(0x3c, W_01, LALL, RM, NDS | VL | KZ),		       /* VPMAXSB */
	E(0x3d, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPMAXSD VPMAXSQ */
	E(0x3e, W_01, LALL, RM, NDS | VL | KZ),		       /* VPMAXUW */
	E(0x3f, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPMAXUD VPMAXUQ */
	E(0x40, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPMULLD VPMULLQ */
	E(0x42, W_01, LALL, RM, VL | BCST | RC | KZ),	       /* VGETEXPPD VGETEXPPS */
	E(0x43, W_01, LALL, RM, NDS | TW | RC | KZ),	       /* VGETEXPSD VGETEXPSS */
	E(0x44, W_01, LALL, RM, VL | BCST | KZ),	       /* VPLZCNTD VPLZCNTQ */
	E(0x45, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPSRLVD VPSRLVQ */
	E(0x46, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPSRAVD VPSRAVQ */
	E(0x47, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPSLLVD VPSLLVQ */
	E(0x4c, W_01, LALL, RM, VL | BCST | KZ),	       /* VRCP14PD VRCP14PS */
	E(0x4d, W_01, LALL, RM, NDS | TW | KZ),		       /* VRCP14SD VRCP14SS */
	E(0x4e, W_01, LALL, RM, VL | BCST | KZ),	       /* VRSQRT14PD VRSQRT14PS */
	E(0x4f, W_01, LALL, RM, NDS | TW | KZ),		       /* VRSQRT14SD VRSQRT14SS */
	E(0x50, W_0, LALL, RM, NDS | VL | BCST | KZ),	       /* VPDPBUSD */
	E(0x51, W_0, LALL, RM, NDS | VL | BCST | KZ),	       /* VPDPBUSDS */
	E(0x52, W_0, LALL, RM, NDS | VL | BCST | KZ),	       /* VPDPWSSD */
	E(0x53, W_0, LALL, RM, NDS | VL | BCST | KZ),	       /* VPDPWSSDS */
	E(0x54, W_01, LALL, RM, VL | KZ),		       /* VPOPCNTB VPOPCNTW */
	E(0x55, W_01, LALL, RM, VL | BCST | KZ),	       /* VPOPCNTD VPOPCNTQ */
	E(0x58, W_0, LALL, RM, T4 | KZ),		       /* VPBROADCASTD */
	E(0x59, W_01, LALL, RM, T8 | KZ),		       /* VBROADCASTI32X2 VPBROADCASTQ */
	E(0x5a, W_01, L256 | L512, MEM, T16 | KZ),	       /* VBROADCASTI32X4 VBROADCASTI64X2 */
	E(0x5b, W_01, L512, MEM, T32 | KZ),		       /* VBROADCASTI32X8 VBROADCASTI64X4 */
	E(0x62, W_0, LALL, RM, T1 | KZ),		       /* VPEXPANDB */
	E(0x62, W_1, LALL, RM, T2 | KZ),		       /* VPEXPANDW */
	E(0x63, W_0, LALL, RM, T1 | KST),		       /* VPCOMPRESSB */
	E(0x63, W_1, LALL, RM, T2 | KST),		       /* VPCOMPRESSW */
	E(0x64, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPBLENDMD VPBLENDMQ */
	E(0x65, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VBLENDMPD VBLENDMPS */
	E(0x66, W_01, LALL, RM, NDS | VL | KZ),		       /* VPBLENDMB VPBLENDMW */
	E(0x70, W_1, LALL, RM, NDS | VL | KZ),		       /* VPSHLDVW */
	E(0x71, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPSHLDVD VPSHLDVQ */
	E(0x72, W_1, LALL, RM, NDS | VL | KZ),		       /* VPSHRDVW */
	E(0x73, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPSHRDVD VPSHRDVQ */
	E(0x75, W_01, LALL, RM, NDS | VL | KZ),		       /* VPERMI2B VPERMI2W */
	E(0x76, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPERMI2D VPERMI2Q */
	E(0x77, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPERMI2PD VPERMI2PS */
	E(0x78, W_0, LALL, RM, T1 | KZ),		       /* VPBROADCASTB */
	E(0x79, W_0, LALL, RM, T2 | KZ),		       /* VPBROADCASTW */
	E(0x7a, W_0, LALL, REG, KZ),			       /* VPBROADCASTB */
	E(0x7b, W_0, LALL, REG, KZ),			       /* VPBROADCASTW */
	E(0x7c, W_01, LALL, REG, KZ),			       /* VPBROADCASTD VPBROADCASTQ */
	E(0x7d, W_01, LALL, RM, NDS | VL | KZ),		       /* VPERMT2B VPERMT2W */
	E(0x7e, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPERMT2D VPERMT2Q */
	E(0x7f, W_01, LALL, RM, NDS | VL | BCST | KZ),	       /* VPERMT2PD VPERMT2PS */
	E(0x83, W_1, LALL, RM, NDS | VL | BCST | KZ),	       /* VPMULTISHIFTQB */
	E(0x88, W_01, LALL, RM, TW | KZ),		       /* VEXPANDPD VEXPANDPS */
	E(0x89, W_01, LALL, RM, TW | KZ),		       /* VPEXPANDD VPEXPANDQ */
	E(0x8a, W_01, LALL, RM, TW | KST),		       /* VCOMPRESSPD VCOMPRESSPS */
	E(0x8b, W_01, LALL, RM, TW | KST),		       /* VPCOMPRESSD VPCOMPRESSQ */
	E(0x8d, W_01, LALL, RM, NDS | VL | KZ),		       /* VPERMB VPERMW */
	E(0x8f, W_0, LALL, RM, NDS | VL | KM | REG_K),	       /* VPSHUFBITQMB */
	E(0x90, W_01, LALL, MEM, TW | K_MUST | GATHER),	       /* VPGATHERDD VPGATHERDQ */
	E(0x91, W_01, LALL, MEM, TW | K_MUST | GATHER),	       /* VPGATHERQD VPGATHERQQ */
	E(0x92, W_01, LALL, MEM, TW | K_MUST | GATHER),	       /* VGATHERDPD VGATHERDPS */
	E(0x93, W_01, LALL, MEM, TW | K_MUST | GATHER),	       /* VGATHERQPD VGATHERQPS */
	E(0x96, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFMADDSUB132PD VFMADDSUB132PS */
	E(0x97, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFMSUBADD132PD VFMSUBADD132PS */
	E(0x98, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFMADD132PD VFMADD132PS */
	E(0x99, W_01, LALL, RM, NDS | TW | RC | KZ),	       /* VFMADD132SD VFMADD132SS */
	E(0x9a, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFMSUB132PD VFMSUB132PS */
	E(0x9b, W_01, LALL, RM, NDS | TW | RC | KZ),	       /* VFMSUB132SD VFMSUB132SS */
	E(0x9c, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFNMADD132PD VFNMADD132PS */
	E(0x9d, W_01, LALL, RM, NDS | TW | RC | KZ),	       /* VFNMADD132SD VFNMADD132SS */
	E(0x9e, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFNMSUB132PD VFNMSUB132PS */
	E(0x9f, W_01, LALL, RM, NDS | TW | RC | KZ),	       /* VFNMSUB132SD VFNMSUB132SS */
	E(0xa0, W_01, LALL, MEM, TW | K_MUST | SCATTER),       /* VPSCATTERDD VPSCATTERDQ */
	E(0xa1, W_01, LALL, MEM, TW | K_MUST | SCATTER),       /* VPSCATTERQD VPSCATTERQQ */
	E(0xa2, W_01, LALL, MEM, TW | K_MUST | SCATTER),       /* VSCATTERDPD VSCATTERDPS */
	E(0xa3, W_01, LALL, MEM, TW | K_MUST | SCATTER),       /* VSCATTERQPD VSCATTERQPS */
	E(0xa6, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFMADDSUB213PD VFMADDSUB213PS */
	E(0xa7, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFMSUBADD213PD VFMSUBADD213PS */
	E(0xa8, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFMADD213PD VFMADD213PS */
	E(0xa9, W_01, LALL, RM, NDS | TW | RC | KZ),	       /* VFMADD213SD VFMADD213SS */
	E(0xaa, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFMSUB213PD VFMSUB213PS */
	E(0xab, W_01, LALL, RM, NDS | TW | RC | KZ),	       /* VFMSUB213SD VFMSUB213SS */
	E(0xac, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFNMADD213PD VFNMADD213PS */
	E(0xad, W_01, LALL, RM, NDS | TW | RC | KZ),	       /* VFNMADD213SD VFNMADD213SS */
	E(0xae, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFNMSUB213PD VFNMSUB213PS */
	E(0xaf, W_01, LALL, RM, NDS | TW | RC | KZ),	       /* VFNMSUB213SD VFNMSUB213SS */
	E(0xb4, W_1, LALL, RM, NDS | VL | BCST | KZ),	       /* VPMADD52LUQ */
	E(0xb5, W_1, LALL, RM, NDS | VL | BCST | KZ),	       /* VPMADD52HUQ */
	E(0xb6, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFMADDSUB231PD VFMADDSUB231PS */
	E(0xb7, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFMSUBADD231PD VFMSUBADD231PS */
	E(0xb8, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFMADD231PD VFMADD231PS */
	E(0xb9, W_01, LALL, RM, NDS | TW | RC | KZ),	       /* VFMADD231SD VFMADD231SS */
	E(0xba, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFMSUB231PD VFMSUB231PS */
	E(0xbb, W_01, LALL, RM, NDS | TW | RC | KZ),	       /* VFMSUB231SD VFMSUB231SS */
	E(0xbc, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFNMADD231PD VFNMADD231PS */
	E(0xbd, W_01, LALL, RM, NDS | TW | RC | KZ),	       /* VFNMADD231SD VFNMADD231SS */
	E(0xbe, W_01, LALL, RM, NDS | VL | BCST | RC | KZ),    /* VFNMSUB231PD VFNMSUB231PS */
	E(0xbf, W_01, LALL, RM, NDS | TW | RC | KZ),	       /* VFNMSUB231SD VFNMSUB231SS */
	E(0xc4, W_01, LALL, RM, VL | BCST | KZ),	       /* VPCONFLICTD VPCONFLICTQ */
	E(0xcf, W_0, LALL, RM, NDS | VL | KZ),		       /* VGF2P8MULB */
	E(0xdc, W_01, LALL, RM, NDS | VL),		       /* VAESENC */
	E(0xdd, W_01, LALL, RM, NDS | VL),		       /* VAESENCLAST */
	E(0xde, W_01, LALL, RM, NDS | VL),		       /* VAESDEC */
	E(0xdf, W_01, LALL, RM, NDS | VL),		       /* VAESDECLAST */
};

static const uint32_t shapes_0f38_f3[] = {
	E(0x10, W_0, LALL, RM, VL2 | KST),		       /* VPMOVUSWB */
	E(0x11, W_0, LALL, RM, VL4 | KST),		       /* VPMOVUSDB */
	E(0x12, W_0, LALL, RM, VL8 | KST),		       /* VPMOVUSQB */
	E(0x13, W_0, LALL, RM, VL2 | KST),		       /* VPMOVUSDW */
	E(0x14, W_0, LALL, RM, VL4 | KST),		       /* VPMOVUSQW */
	E(0x15, W_0, LALL, RM, VL2 | KST),		       /* VPMOVUSQD */
	E(0x20, W_0, LALL, RM, VL2 | KST),		       /* VPMOVSWB */
	E(0x21, W_0, LALL, RM, VL4 | KST),		       /* VPMOVSDB */
	E(0x22, W_0, LALL, RM, VL8 | KST),		       /* VPMOVSQB */
	E(0x23, W_0, LALL, RM, VL2 | KST),		       /* VPMOVSDW */
	E(0x24, W_0, LALL, RM, VL4 | KST),		       /* VPMOVSQW */
	E(0x25, W_0, LALL, RM, VL2 | KST),		       /* VPMOVSQD */
	E(0x26, W_01, LALL, RM, NDS | VL | KM | REG_K),	       /* VPTESTNMB VPTESTNMW */
	E(0x27, W_01, LALL, RM, NDS | VL | BCST | KM | REG_K), /* VPTESTNMD VPTESTNMQ */
	E(0x28, W_01, LALL, REG, 0),			       /* VPMOVM2B VPMOVM2W */
	E(0x29, W_01, LALL, REG, REG_K),		       /* VPMOVB2M VPMOVW2M */
	E(0x2a, W_1, LALL, REG, 0),			       /* VPBROADCASTMB2Q */
	E(0x30, W_0, LALL, RM, VL2 | KST),		       /* VPMOVWB */
	E(0x31, W_0, LALL, RM, VL4 | KST),		       /* VPMOVDB */
	E(0x32, W_0, LALL, RM, VL8 | KST),		       /* VPMOVQB */
	E(0x33, W_0, LALL, RM, VL2 | KST),		       /* VPMOVDW */
	E(0x34, W_0, LALL, RM, VL4 | KST),		       /* VPMOVQW */
	E(0x35, W_0, LALL, RM, VL2 | KST),		       /* VPMOVQD */
	E(0x38, W_01, LALL, REG, 0),			       /* VPMOVM2D VPMOVM2Q */
	E(0x39, W_01, LALL, REG, REG_K),		       /* VPMOVD2M VPMOVQ2M */
	E(0x3a, W_0, LALL, REG, 0),			       /* VPBROADCASTMW2D */
	E(0x52, W_0, LALL, RM, NDS | VL | BCST | KZ),	       /* VDPBF16PS */
	E(0x72, W_0, LALL, RM, VL | BCST | KZ),		       /* VCVTNEPS2BF16 */
};

static const uint32_t shapes_0f38_f2[] = {
	E(0x68, W_01, LALL, RM, NDS | VL | BCST | REG_K), /* VP2INTERSECTD VP2INTERSECTQ */
	E(0x72, W_0, LALL, RM, NDS | VL | BCST | KZ),	  /* VCVTNE2PS2BF16 */
};

static const uint32_t shapes_0f3a_np[] = {
	E(0x08, W_0, LALL, RM, VL | BCST16 | RC | KZ | IB),		  /* VRNDSCALEPH */
	E(0x0a, W_0, LALL, RM, NDS | T2 | RC | KZ | IB),		  /* VRNDSCALESH */
	E(0x26, W_0, LALL, RM, VL | BCST16 | RC | KZ | IB),		  /* VGETMANTPH */
	E(0x27, W_0, LALL, RM, NDS | T2 | RC | KZ | IB),		  /* VGETMANTSH */
	E(0x56, W_0, LALL, RM, VL | BCST16 | RC | KZ | IB),		  /* VREDUCEPH */
	E(0x57, W_0, LALL, RM, NDS | T2 | RC | KZ | IB),		  /* VREDUCESH */
	E(0x66, W_0, LALL, RM, VL | BCST16 | KM | IB | REG_K),		  /* VFPCLASSPH */
	E(0x67, W_0, LALL, RM, T2 | KM | IB | REG_K),			  /* VFPCLASSSH */
	E(0xc2, W_0, LALL, RM, NDS | VL | BCST16 | RC | KM | IB | REG_K), /* VCMPPH */
};

static const uint32_t shapes_0f3a_66[] = {
	E(0x00, W_1, L256 | L512, RM, VL | BCST | KZ | IB),  /* VPERMQ */
	E(0x01, W_1, L256 | L512, RM, VL | BCST | KZ | IB),  /* VPERMPD */
	E(0x03, W_01, LALL, RM, NDS | VL | BCST | KZ | IB),  /* VALIGND VALIGNQ */
	E(0x04, W_0, LALL, RM, VL | BCST | KZ | IB),	     /* VPERMILPS */
	E(0x05, W_1, LALL, RM, VL | BCST | KZ | IB),	     /* VPERMILPD */
	E(0x08, W_0, LALL, RM, VL | BCST | RC | KZ | IB),    /* VRNDSCALEPS */
	E(0x09, W_1, LALL, RM, VL | BCST | RC | KZ | IB),    /* VRNDSCALEPD */
	E(0x0a, W_0, LALL, RM, NDS | T4 | RC | KZ | IB),     /* VRNDSCALESS */
	E(0x0b, W_1, LALL, RM, NDS | T8 | RC | KZ | IB),     /* VRNDSCALESD */
	E(0x0f, W_01, LALL, RM, NDS | VL | KZ | IB),	     /* VPALIGNR */
	E(0x14, W_01, L128, RM, T1 | IB),		     /* VPEXTRB */
	E(0x15, W_01, L128, RM, T2 | IB),		     /* VPEXTRW */
	E(0x16, W_01, L128, RM, TY | IB),		     /* VPEXTRD VPEXTRQ */
	E(0x17, W_01, L128, RM, T4 | IB),		     /* VEXTRACTPS */
	E(0x18, W_01, L256 | L512, RM, NDS | T16 | KZ | IB), /* VINSERTF32X4 VINSERTF64X2 */
	E(0x19, W_01, L256 | L512, RM, T16 | KST | IB),	     /* VEXTRACTF32X4 VEXTRACTF64X2 */
	E(0x1a, W_01, L512, RM, NDS | T32 | KZ | IB),	     /* VINSERTF32X8 VINSERTF64X4 */
	E(0x1b, W_01, L512, RM, T32 | KST | IB),	     /* VEXTRACTF32X8 VEXTRACTF64X4 */
	E(0x1d, W_0, LALL, RM, VL2 | RC | KST | IB),	     /* VCVTPS2PH */
	E(0x1e, W_01, LALL, RM, NDS | VL | BCST | KM | IB | REG_K), /* VPCMPUD VPCMPUQ */
	E(0x1f, W_01, LALL, RM, NDS | VL | BCST | KM | IB | REG_K), /* VPCMPD VPCMPQ */
	E(0x20, W_01, L128, RM, NDS | T1 | IB),			    /* VPINSRB */
	E(0x21, W_0, L128, RM, NDS | T4 | IB),			    /* VINSERTPS */
	E(0x22, W_01, L128, RM, NDS | TY | IB),			    /* VPINSRD VPINSRQ */
	E(0x23, W_01, L256 | L512, RM, NDS | VL | BCST | KZ | IB),  /* VSHUFF32X4 VSHUFF64X2 */
	E(0x25, W_01, LALL, RM, NDS | VL | BCST | KZ | IB),	    /* VPTERNLOGD VPTERNLOGQ */
	E(0x26, W_01, LALL, RM, VL | BCST | RC | KZ | IB),	    /* VGETMANTPD VGETMANTPS */
	E(0x27, W_01, LALL, RM, NDS | TW | RC | KZ | IB),	    /* VGETMANTSD VGETMANTSS */
	E(0x38, W_01, L256 | L512, RM, NDS | T16 | KZ | IB),	    /* VINSERTI32X4 VINSERTI64X2 */
	E(0x39, W_01, L256 | L512, RM, T16 | KST | IB),		   /* VEXTRACTI32X4 VEXTRACTI64X2 */
	E(0x3a, W_01, L512, RM, NDS | T32 | KZ | IB),		   /* VINSERTI32X8 VINSERTI64X4 */
	E(0x3b, W_01, L512, RM, T32 | KST | IB),		   /* VEXTRACTI32X8 VEXTRACTI64X4 */
	E(0x3e, W_01, LALL, RM, NDS | VL | KM | IB | REG_K),	   /* VPCMPUB VPCMPUW */
	E(0x3f, W_01, LALL, RM, NDS | VL | KM | IB | REG_K),	   /* VPCMPB VPCMPW */
	E(0x42, W_0, LALL, RM, NDS | VL | KZ | IB),		   /* VDBPSADBW */
	E(0x43, W_01, L256 | L512, RM, NDS | VL | BCST | KZ | IB), /* VSHUFI32X4 VSHUFI64X2 */
	E(0x44, W_01, LALL, RM, NDS | VL | IB),			   /* VPCLMULQDQ */
	E(0x50, W_01, LALL, RM, NDS | VL | BCST | RC | KZ | IB),   /* VRANGEPD VRANGEPS */
	E(0x51, W_01, LALL, RM, NDS | TW | RC | KZ | IB),	   /* VRANGESD VRANGESS */
	E(0x54, W_01, LALL, RM, NDS | VL | BCST | RC | KZ | IB),   /* VFIXUPIMMPD VFIXUPIMMPS */
	E(0x55, W_01, LALL, RM, NDS | TW | RC | KZ | IB),	   /* VFIXUPIMMSD VFIXUPIMMSS */
	E(0x56, W_01, LALL, RM, VL | BCST | RC | KZ | IB),	   /* VREDUCEPD VREDUCEPS */
	E(0x57, W_01, LALL, RM, NDS | TW | RC | KZ | IB),	   /* VREDUCESD VREDUCESS */
	E(0x66, W_01, LALL, RM, VL | BCST | KM | IB | REG_K),	   /* VFPCLASSPD VFPCLASSPS */
	E(0x67, W_01, LALL, RM, TW | KM | IB | REG_K),		   /* VFPCLASSSD VFPCLASSSS */
	E(0x70, W_1, LALL, RM, NDS | VL | KZ | IB),		   /* VPSHLDW */
	E(0x71, W_01, LALL, RM, NDS | VL | BCST | KZ | IB),	   /* VPSHLDD VPSHLDQ */
	E(0x72, W_1, LALL, RM, NDS | VL | KZ | IB),		   /* VPSHRDW */
	E(0x73, W_01, LALL, RM, NDS | VL | BCST | KZ | IB),	   /* VPSHRDD VPSHRDQ */
	E(0xce, W_1, LALL, RM, NDS | VL | BCST | KZ | IB),	   /* VGF2P8AFFINEQB */
	E(0xcf, W_1, LALL, RM, NDS | VL | BCST | KZ | IB),	   /* VGF2P8AFFINEINVQB */
};

static const uint32_t shapes_0f3a_f3[] = {
	E(0xc2, W_0, LALL, RM, NDS | T2 | RC | KM | IB | REG_K), /* VCMPSH */
};

static const uint32_t shapes_map5_np[] = {
	E(0x1d, W_0, LALL, RM, NDS | T4 | RC | KZ),	     /* VCVTSS2SH */
	E(0x2e, W_0, LALL, RM, T2 | RC),		     /* VUCOMISH */
	E(0x2f, W_0, LALL, RM, T2 | RC),		     /* VCOMISH */
	E(0x51, W_0, LALL, RM, VL | BCST16 | RC | KZ),	     /* VSQRTPH */
	E(0x58, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VADDPH */
	E(0x59, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VMULPH */
	E(0x5a, W_0, LALL, RM, VL4 | BCST16 | RC | KZ),	     /* VCVTPH2PD */
	E(0x5b, W_01, LALL, RM, VL | BCST | RC | KZ),	     /* VCVTDQ2PH VCVTQQ2PH */
	E(0x5c, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VSUBPH */
	E(0x5d, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VMINPH */
	E(0x5e, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VDIVPH */
	E(0x5f, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VMAXPH */
	E(0x78, W_0, LALL, RM, VL2 | BCST16 | RC | KZ),	     /* VCVTTPH2UDQ */
	E(0x79, W_0, LALL, RM, VL2 | BCST16 | RC | KZ),	     /* VCVTPH2UDQ */
	E(0x7c, W_0, LALL, RM, VL | BCST16 | RC | KZ),	     /* VCVTTPH2UW */
	E(0x7d, W_0, LALL, RM, VL | BCST16 | RC | KZ),	     /* VCVTPH2UW */
};

static const uint32_t shapes_map5_66[] = {
	E(0x1d, W_0, LALL, RM, VL | BCST | RC | KZ),	/* VCVTPS2PHX */
	E(0x5a, W_1, LALL, RM, VL | BCST | RC | KZ),	/* VCVTPD2PH */
	E(0x5b, W_0, LALL, RM, VL2 | BCST16 | RC | KZ), /* VCVTPH2DQ */
	E(0x6e, W_01, L128, RM, T2),			/* VMOVW */
	E(0x78, W_0, LALL, RM, VL4 | BCST16 | RC | KZ), /* VCVTTPH2UQQ */
	E(0x79, W_0, LALL, RM, VL4 | BCST16 | RC | KZ), /* VCVTPH2UQQ */
	E(0x7a, W_0, LALL, RM, VL4 | BCST16 | RC | KZ), /* VCVTTPH2QQ */
	E(0x7b, W_0, LALL, RM, VL4 | BCST16 | RC | KZ), /* VCVTPH2QQ */
	E(0x7c, W_0, LALL, RM, VL | BCST16 | RC | KZ),	/* VCVTTPH2W */
	E(0x7d, W_0, LALL, RM, VL | BCST16 | RC | KZ),	/* VCVTPH2W */
	E(0x7e, W_01, L128, RM, T2),			/* VMOVW */
};

static const uint32_t shapes_map5_f3[] = {
	E(0x10, W_0, LALL, MEM, T2 | KZ),		/* VMOVSH */
	E(0x10, W_0, LALL, REG, NDS | KZ),		/* VMOVSH */
	E(0x11, W_0, LALL, MEM, T2 | KM),		/* VMOVSH */
	E(0x11, W_0, LALL, REG, NDS | KZ),		/* VMOVSH */
	E(0x2a, W_01, LALL, RM, NDS | TY | RC),		/* VCVTSI2SH */
	E(0x2c, W_01, LALL, RM, T2 | RC | REG_G),	/* VCVTTSH2SI */
	E(0x2d, W_01, LALL, RM, T2 | RC | REG_G),	/* VCVTSH2SI */
	E(0x51, W_0, LALL, RM, NDS | T2 | RC | KZ),	/* VSQRTSH */
	E(0x58, W_0, LALL, RM, NDS | T2 | RC | KZ),	/* VADDSH */
	E(0x59, W_0, LALL, RM, NDS | T2 | RC | KZ),	/* VMULSH */
	E(0x5a, W_0, LALL, RM, NDS | T2 | RC | KZ),	/* VCVTSH2SD */
	E(0x5b, W_0, LALL, RM, VL2 | BCST16 | RC | KZ), /* VCVTTPH2DQ */
	E(0x5c, W_0, LALL, RM, NDS | T2 | RC | KZ),	/* VSUBSH */
	E(0x5d, W_0, LALL, RM, NDS | T2 | RC | KZ),	/* VMINSH */
	E(0x5e, W_0, LALL, RM, NDS | T2 | RC | KZ),	/* VDIVSH */
	E(0x5f, W_0, LALL, RM, NDS | T2 | RC | KZ),	/* VMAXSH */
	E(0x78, W_01, LALL, RM, T2 | RC | REG_G),	/* VCVTTSH2USI */
	E(0x79, W_01, LALL, RM, T2 | RC | REG_G),	/* VCVTSH2USI */
	E(0x7b, W_01, LALL, RM, NDS | TY | RC),		/* VCVTUSI2SH */
	E(0x7d, W_0, LALL, RM, VL | BCST16 | RC | KZ),	/* VCVTW2PH */
};

static const uint32_t shapes_map5_f2[] = {
	E(0x5a, W_1, LALL, RM, NDS | T8 | RC | KZ),    /* VCVTSD2SH */
	E(0x7a, W_01, LALL, RM, VL | BCST | RC | KZ),  /* VCVTUDQ2PH VCVTUQQ2PH */
	E(0x7d, W_0, LALL, RM, VL | BCST16 | RC | KZ), /* VCVTUW2PH */
};

static const uint32_t shapes_map6_np[] = {
	E(0x13, W_0, LALL, RM, NDS | T2 | RC | KZ), /* VCVTSH2SS */
};

static const uint32_t shapes_map6_66[] = {
	E(0x13, W_0, LALL, RM, VL2 | BCST16 | RC | KZ),	     /* VCVTPH2PSX */
	E(0x2c, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VSCALEFPH */
	E(0x2d, W_0, LALL, RM, NDS | T2 | RC | KZ),	     /* VSCALEFSH */
	E(0x42, W_0, LALL, RM, VL | BCST16 | RC | KZ),	     /* VGETEXPPH */
	E(0x43, W_0, LALL, RM, NDS | T2 | RC | KZ),	     /* VGETEXPSH */
	E(0x4c, W_0, LALL, RM, VL | BCST16 | KZ),	     /* VRCPPH */
	E(0x4d, W_0, LALL, RM, NDS | T2 | KZ),		     /* VRCPSH */
	E(0x4e, W_0, LALL, RM, VL | BCST16 | KZ),	     /* VRSQRTPH */
	E(0x4f, W_0, LALL, RM, NDS | T2 | KZ),		     /* VRSQRTSH */
	E(0x96, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFMADDSUB132PH */
	E(0x97, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFMSUBADD132PH */
	E(0x98, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFMADD132PH */
	E(0x99, W_0, LALL, RM, NDS | T2 | RC | KZ),	     /* VFMADD132SH */
	E(0x9a, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFMSUB132PH */
	E(0x9b, W_0, LALL, RM, NDS | T2 | RC | KZ),	     /* VFMSUB132SH */
	E(0x9c, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFNMADD132PH */
	E(0x9d, W_0, LALL, RM, NDS | T2 | RC | KZ),	     /* VFNMADD132SH */
	E(0x9e, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFNMSUB132PH */
	E(0x9f, W_0, LALL, RM, NDS | T2 | RC | KZ),	     /* VFNMSUB132SH */
	E(0xa6, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFMADDSUB213PH */
	E(0xa7, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFMSUBADD213PH */
	E(0xa8, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFMADD213PH */
	E(0xa9, W_0, LALL, RM, NDS | T2 | RC | KZ),	     /* VFMADD213SH */
	E(0xaa, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFMSUB213PH */
	E(0xab, W_0, LALL, RM, NDS | T2 | RC | KZ),	     /* VFMSUB213SH */
	E(0xac, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFNMADD213PH */
	E(0xad, W_0, LALL, RM, NDS | T2 | RC | KZ),	     /* VFNMADD213SH */
	E(0xae, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFNMSUB213PH */
	E(0xaf, W_0, LALL, RM, NDS | T2 | RC | KZ),	     /* VFNMSUB213SH */
	E(0xb6, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFMADDSUB231PH */
	E(0xb7, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFMSUBADD231PH */
	E(0xb8, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFMADD231PH */
	E(0xb9, W_0, LALL, RM, NDS | T2 | RC | KZ),	     /* VFMADD231SH */
	E(0xba, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFMSUB231PH */
	E(0xbb, W_0, LALL, RM, NDS | T2 | RC | KZ),	     /* VFMSUB231SH */
	E(0xbc, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFNMADD231PH */
	E(0xbd, W_0, LALL, RM, NDS | T2 | RC | KZ),	     /* VFNMADD231SH */
	E(0xbe, W_0, LALL, RM, NDS | VL | BCST16 | RC | KZ), /* VFNMSUB231PH */
	E(0xbf, W_0, LALL, RM, NDS | T2 | RC | KZ),	     /* VFNMSUB231SH */
};

static const uint32_t shapes_map6_f3[] = {
	E(0x56, W_0, LALL, RM, NDS | VL | BCST | RC | KZ | COMPLEX), /* VFMADDCPH */
	E(0x57, W_0, LALL, RM, NDS | T4 | RC | KZ | COMPLEX),	     /* VFMADDCSH */
	E(0xd6, W_0, LALL, RM, NDS | VL | BCST | RC | KZ | COMPLEX), /* VFMULCPH */
	E(0xd7, W_0, LALL, RM, NDS | T4 | RC | KZ | COMPLEX),	     /* VFMULCSH */
};

static const uint32_t shapes_map6_f2[] = {
	E(0x56, W_0, LALL, RM, NDS | VL | BCST | RC | KZ | COMPLEX), /* VFCMADDCPH */
	E(0x57, W_0, LALL, RM, NDS | T4 | RC | KZ | COMPLEX),	     /* VFCMADDCSH */
	E(0xd6, W_0, LALL, RM, NDS | VL | BCST | RC | KZ | COMPLEX), /* VFCMULCPH */
	E(0xd7, W_0, LALL, RM, NDS | T4 | RC | KZ | COMPLEX),	     /* VFCMULCSH */
};

const struct emu_vex_section emu_evex_sections[EMU_EVEX_MAPS][4] = {
	[0] = { [0] = SECTION(shapes_0f_np),
		[1] = SECTION(shapes_0f_66),
		[2] = SECTION(shapes_0f_f3),
		[3] = SECTION(shapes_0f_f2) },
	[1] = { [1] = SECTION(shapes_0f38_66),
		[2] = SECTION(shapes_0f38_f3),
		[3] = SECTION(shapes_0f38_f2) },
	[2] = { [0] = SECTION(shapes_0f3a_np),
		[1] = SECTION(shapes_0f3a_66),
		[2] = SECTION(shapes_0f3a_f3) },
	[4] = { [0] = SECTION(shapes_map5_np),
		[1] = SECTION(shapes_map5_66),
		[2] = SECTION(shapes_map5_f3),
		[3] = SECTION(shapes_map5_f2) },
	[5] = { [0] = SECTION(shapes_map6_np),
		[1] = SECTION(shapes_map6_66),
		[2] = SECTION(shapes_map6_f3),
		[3] = SECTION(shapes_map6_f2) },
};
