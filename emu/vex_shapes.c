/* SPDX-License-Identifier: MIT */
/*
 * The VEX opcodes that exist, and their forms, SDM 2 "Instruction Set Reference": AVX, AVX2,
 * FMA, F16C, BMI1, BMI2, AVX-VNNI and its INT8 and INT16, AVX-IFMA, AVX-NE-CONVERT, GFNI, VAES,
 * VPCLMULQDQ, SHA512, SM3, SM4, CMPccXADD, the opmask instructions, and AMX to AMX-COMPLEX.
 * Not FMA4 and XOP's VPERMIL2, which are AMD's.
 */
#include "emu/vex_shape.h"

static const uint32_t shapes_0f_np[] = {
	V(0x10, W_IG, LIG, RM, 0),	       /* VMOVUPS */
	V(0x11, W_IG, LIG, RM, 0),	       /* VMOVUPS */
	V(0x12, W_IG, L128, RM, NDS),	       /* VMOVHLPS VMOVLPS */
	V(0x13, W_IG, L128, MEM, 0),	       /* VMOVLPS */
	V(0x14, W_IG, LIG, RM, NDS),	       /* VUNPCKLPS */
	V(0x15, W_IG, LIG, RM, NDS),	       /* VUNPCKHPS */
	V(0x16, W_IG, L128, RM, NDS),	       /* VMOVHPS VMOVLHPS */
	V(0x17, W_IG, L128, MEM, 0),	       /* VMOVHPS */
	V(0x28, W_IG, LIG, RM, 0),	       /* VMOVAPS */
	V(0x29, W_IG, LIG, RM, 0),	       /* VMOVAPS */
	V(0x2b, W_IG, LIG, MEM, 0),	       /* VMOVNTPS */
	V(0x2e, W_IG, LIG, RM, 0),	       /* VUCOMISS */
	V(0x2f, W_IG, LIG, RM, 0),	       /* VCOMISS */
	V(0x41, W_IG, L256, REG, NDS | REG_K), /* KANDQ KANDW */
	V(0x42, W_IG, L256, REG, NDS | REG_K), /* KANDNQ KANDNW */
	V(0x44, W_IG, L128, REG, REG_K),       /* KNOTQ KNOTW */
	V(0x45, W_IG, L256, REG, NDS | REG_K), /* KORQ KORW */
	V(0x46, W_IG, L256, REG, NDS | REG_K), /* KXNORQ KXNORW */
	V(0x47, W_IG, L256, REG, NDS | REG_K), /* KXORQ KXORW */
	V(0x4a, W_IG, L256, REG, NDS | REG_K), /* KADDQ KADDW */
	V(0x4b, W_IG, L256, REG, NDS | REG_K), /* KUNPCKDQ KUNPCKWD */
	V(0x50, W_IG, LIG, REG, 0),	       /* VMOVMSKPS */
	V(0x51, W_IG, LIG, RM, 0),	       /* VSQRTPS */
	V(0x52, W_IG, LIG, RM, 0),	       /* VRSQRTPS */
	V(0x53, W_IG, LIG, RM, 0),	       /* VRCPPS */
	V(0x54, W_IG, LIG, RM, NDS),	       /* VANDPS */
	V(0x55, W_IG, LIG, RM, NDS),	       /* VANDNPS */
	V(0x56, W_IG, LIG, RM, NDS),	       /* VORPS */
	V(0x57, W_IG, LIG, RM, NDS),	       /* VXORPS */
	V(0x58, W_IG, LIG, RM, NDS),	       /* VADDPS */
	V(0x59, W_IG, LIG, RM, NDS),	       /* VMULPS */
	V(0x5a, W_IG, LIG, RM, 0),	       /* VCVTPS2PD */
	V(0x5b, W_IG, LIG, RM, 0),	       /* VCVTDQ2PS */
	V(0x5c, W_IG, LIG, RM, NDS),	       /* VSUBPS */
	V(0x5d, W_IG, LIG, RM, NDS),	       /* VMINPS */
	V(0x5e, W_IG, LIG, RM, NDS),	       /* VDIVPS */
	V(0x5f, W_IG, LIG, RM, NDS),	       /* VMAXPS */
	V(0x77, W_IG, LIG, REG, 0),	       /* VZEROALL VZEROUPPER */
	V(0x90, W_IG, L128, RM, REG_K),	       /* KMOVQ KMOVW */
	V(0x91, W_IG, L128, MEM, REG_K),       /* KMOVQ KMOVW */
	V(0x92, W_0, L128, REG, REG_K),	       /* KMOVW */
	V(0x93, W_0, L128, REG, 0),	       /* KMOVW */
	V(0x98, W_IG, L128, REG, REG_K),       /* KORTESTQ KORTESTW */
	V(0x99, W_IG, L128, REG, REG_K),       /* KTESTQ KTESTW */
	V(0xae, W_IG, L128, MEM, EXT(2)),      /* VLDMXCSR */
	V(0xae, W_IG, L128, MEM, EXT(3)),      /* VSTMXCSR */
	V(0xc2, W_IG, LIG, RM, NDS | IB),      /* VCMPPS */
	V(0xc6, W_IG, LIG, RM, NDS | IB),      /* VSHUFPS */
};

static const uint32_t shapes_0f_66[] = {
	V(0x10, W_IG, LIG, RM, 0),		    /* VMOVUPD */
	V(0x11, W_IG, LIG, RM, 0),		    /* VMOVUPD */
	V(0x12, W_IG, L128, MEM, NDS),		    /* VMOVLPD */
	V(0x13, W_IG, L128, MEM, 0),		    /* VMOVLPD */
	V(0x14, W_IG, LIG, RM, NDS),		    /* VUNPCKLPD */
	V(0x15, W_IG, LIG, RM, NDS),		    /* VUNPCKHPD */
	V(0x16, W_IG, L128, MEM, NDS),		    /* VMOVHPD */
	V(0x17, W_IG, L128, MEM, 0),		    /* VMOVHPD */
	V(0x28, W_IG, LIG, RM, 0),		    /* VMOVAPD */
	V(0x29, W_IG, LIG, RM, 0),		    /* VMOVAPD */
	V(0x2b, W_IG, LIG, MEM, 0),		    /* VMOVNTPD */
	V(0x2e, W_IG, LIG, RM, 0),		    /* VUCOMISD */
	V(0x2f, W_IG, LIG, RM, 0),		    /* VCOMISD */
	V(0x41, W_IG, L256, REG, NDS | REG_K),	    /* KANDB KANDD */
	V(0x42, W_IG, L256, REG, NDS | REG_K),	    /* KANDNB KANDND */
	V(0x44, W_IG, L128, REG, REG_K),	    /* KNOTB KNOTD */
	V(0x45, W_IG, L256, REG, NDS | REG_K),	    /* KORB KORD */
	V(0x46, W_IG, L256, REG, NDS | REG_K),	    /* KXNORB KXNORD */
	V(0x47, W_IG, L256, REG, NDS | REG_K),	    /* KXORB KXORD */
	V(0x4a, W_IG, L256, REG, NDS | REG_K),	    /* KADDB KADDD */
	V(0x4b, W_0, L256, REG, NDS | REG_K),	    /* KUNPCKBW */
	V(0x50, W_IG, LIG, REG, 0),		    /* VMOVMSKPD */
	V(0x51, W_IG, LIG, RM, 0),		    /* VSQRTPD */
	V(0x54, W_IG, LIG, RM, NDS),		    /* VANDPD */
	V(0x55, W_IG, LIG, RM, NDS),		    /* VANDNPD */
	V(0x56, W_IG, LIG, RM, NDS),		    /* VORPD */
	V(0x57, W_IG, LIG, RM, NDS),		    /* VXORPD */
	V(0x58, W_IG, LIG, RM, NDS),		    /* VADDPD */
	V(0x59, W_IG, LIG, RM, NDS),		    /* VMULPD */
	V(0x5a, W_IG, LIG, RM, 0),		    /* VCVTPD2PS */
	V(0x5b, W_IG, LIG, RM, 0),		    /* VCVTPS2DQ */
	V(0x5c, W_IG, LIG, RM, NDS),		    /* VSUBPD */
	V(0x5d, W_IG, LIG, RM, NDS),		    /* VMINPD */
	V(0x5e, W_IG, LIG, RM, NDS),		    /* VDIVPD */
	V(0x5f, W_IG, LIG, RM, NDS),		    /* VMAXPD */
	V(0x60, W_IG, LIG, RM, NDS),		    /* VPUNPCKLBW */
	V(0x61, W_IG, LIG, RM, NDS),		    /* VPUNPCKLWD */
	V(0x62, W_IG, LIG, RM, NDS),		    /* VPUNPCKLDQ */
	V(0x63, W_IG, LIG, RM, NDS),		    /* VPACKSSWB */
	V(0x64, W_IG, LIG, RM, NDS),		    /* VPCMPGTB */
	V(0x65, W_IG, LIG, RM, NDS),		    /* VPCMPGTW */
	V(0x66, W_IG, LIG, RM, NDS),		    /* VPCMPGTD */
	V(0x67, W_IG, LIG, RM, NDS),		    /* VPACKUSWB */
	V(0x68, W_IG, LIG, RM, NDS),		    /* VPUNPCKHBW */
	V(0x69, W_IG, LIG, RM, NDS),		    /* VPUNPCKHWD */
	V(0x6a, W_IG, LIG, RM, NDS),		    /* VPUNPCKHDQ */
	V(0x6b, W_IG, LIG, RM, NDS),		    /* VPACKSSDW */
	V(0x6c, W_IG, LIG, RM, NDS),		    /* VPUNPCKLQDQ */
	V(0x6d, W_IG, LIG, RM, NDS),		    /* VPUNPCKHQDQ */
	V(0x6e, W_IG, L128, RM, 0),		    /* VMOVD VMOVQ */
	V(0x6f, W_IG, LIG, RM, 0),		    /* VMOVDQA */
	V(0x70, W_IG, LIG, RM, IB),		    /* VPSHUFD */
	V(0x71, W_IG, LIG, REG, NDS | IB | EXT(2)), /* VPSRLW */
	V(0x71, W_IG, LIG, REG, NDS | IB | EXT(4)), /* VPSRAW */
	V(0x71, W_IG, LIG, REG, NDS | IB | EXT(6)), /* VPSLLW */
	V(0x72, W_IG, LIG, REG, NDS | IB | EXT(2)), /* VPSRLD */
	V(0x72, W_IG, LIG, REG, NDS | IB | EXT(4)), /* VPSRAD */
	V(0x72, W_IG, LIG, REG, NDS | IB | EXT(6)), /* VPSLLD */
	V(0x73, W_IG, LIG, REG, NDS | IB | EXT(2)), /* VPSRLQ */
	V(0x73, W_IG, LIG, REG, NDS | IB | EXT(3)), /* VPSRLDQ */
	V(0x73, W_IG, LIG, REG, NDS | IB | EXT(6)), /* VPSLLQ */
	V(0x73, W_IG, LIG, REG, NDS | IB | EXT(7)), /* VPSLLDQ */
	V(0x74, W_IG, LIG, RM, NDS),		    /* VPCMPEQB */
	V(0x75, W_IG, LIG, RM, NDS),		    /* VPCMPEQW */
	V(0x76, W_IG, LIG, RM, NDS),		    /* VPCMPEQD */
	V(0x7c, W_IG, LIG, RM, NDS),		    /* VHADDPD */
	V(0x7d, W_IG, LIG, RM, NDS),		    /* VHSUBPD */
	V(0x7e, W_IG, L128, RM, 0),		    /* VMOVD VMOVQ */
	V(0x7f, W_IG, LIG, RM, 0),		    /* VMOVDQA */
	V(0x90, W_IG, L128, RM, REG_K),		    /* KMOVB KMOVD */
	V(0x91, W_IG, L128, MEM, REG_K),	    /* KMOVB KMOVD */
	V(0x92, W_0, L128, REG, REG_K),		    /* KMOVB */
	V(0x93, W_0, L128, REG, 0),		    /* KMOVB */
	V(0x98, W_IG, L128, REG, REG_K),	    /* KORTESTB KORTESTD */
	V(0x99, W_IG, L128, REG, REG_K),	    /* KTESTB KTESTD */
	V(0xc2, W_IG, LIG, RM, NDS | IB),	    /* VCMPPD */
	V(0xc4, W_IG, L128, RM, NDS | IB),	    /* VPINSRW */
	V(0xc5, W_IG, L128, REG, IB),		    /* VPEXTRW */
	V(0xc6, W_IG, LIG, RM, NDS | IB),	    /* VSHUFPD */
	V(0xd0, W_IG, LIG, RM, NDS),		    /* VADDSUBPD */
	V(0xd1, W_IG, LIG, RM, NDS),		    /* VPSRLW */
	V(0xd2, W_IG, LIG, RM, NDS),		    /* VPSRLD */
	V(0xd3, W_IG, LIG, RM, NDS),		    /* VPSRLQ */
	V(0xd4, W_IG, LIG, RM, NDS),		    /* VPADDQ */
	V(0xd5, W_IG, LIG, RM, NDS),		    /* VPMULLW */
	V(0xd6, W_IG, L128, RM, 0),		    /* VMOVQ */
	V(0xd7, W_IG, LIG, REG, 0),		    /* VPMOVMSKB */
	V(0xd8, W_IG, LIG, RM, NDS),		    /* VPSUBUSB */
	V(0xd9, W_IG, LIG, RM, NDS),		    /* VPSUBUSW */
	V(0xda, W_IG, LIG, RM, NDS),		    /* VPMINUB */
	V(0xdb, W_IG, LIG, RM, NDS),		    /* VPAND */
	V(0xdc, W_IG, LIG, RM, NDS),		    /* VPADDUSB */
	V(0xdd, W_IG, LIG, RM, NDS),		    /* VPADDUSW */
	V(0xde, W_IG, LIG, RM, NDS),		    /* VPMAXUB */
	V(0xdf, W_IG, LIG, RM, NDS),		    /* VPANDN */
	V(0xe0, W_IG, LIG, RM, NDS),		    /* VPAVGB */
	V(0xe1, W_IG, LIG, RM, NDS),		    /* VPSRAW */
	V(0xe2, W_IG, LIG, RM, NDS),		    /* VPSRAD */
	V(0xe3, W_IG, LIG, RM, NDS),		    /* VPAVGW */
	V(0xe4, W_IG, LIG, RM, NDS),		    /* VPMULHUW */
	V(0xe5, W_IG, LIG, RM, NDS),		    /* VPMULHW */
	V(0xe6, W_IG, LIG, RM, 0),		    /* VCVTTPD2DQ */
	V(0xe7, W_IG, LIG, MEM, 0),		    /* VMOVNTDQ */
	V(0xe8, W_IG, LIG, RM, NDS),		    /* VPSUBSB */
	V(0xe9, W_IG, LIG, RM, NDS),		    /* VPSUBSW */
	V(0xea, W_IG, LIG, RM, NDS),		    /* VPMINSW */
	V(0xeb, W_IG, LIG, RM, NDS),		    /* VPOR */
	V(0xec, W_IG, LIG, RM, NDS),		    /* VPADDSB */
	V(0xed, W_IG, LIG, RM, NDS),		    /* VPADDSW */
	V(0xee, W_IG, LIG, RM, NDS),		    /* VPMAXSW */
	V(0xef, W_IG, LIG, RM, NDS),		    /* VPXOR */
	V(0xf1, W_IG, LIG, RM, NDS),		    /* VPSLLW */
	V(0xf2, W_IG, LIG, RM, NDS),		    /* VPSLLD */
	V(0xf3, W_IG, LIG, RM, NDS),		    /* VPSLLQ */
	V(0xf4, W_IG, LIG, RM, NDS),		    /* VPMULUDQ */
	V(0xf5, W_IG, LIG, RM, NDS),		    /* VPMADDWD */
	V(0xf6, W_IG, LIG, RM, NDS),		    /* VPSADBW */
	V(0xf7, W_IG, L128, REG, 0),		    /* VMASKMOVDQU */
	V(0xf8, W_IG, LIG, RM, NDS),		    /* VPSUBB */
	V(0xf9, W_IG, LIG, RM, NDS),		    /* VPSUBW */
	V(0xfa, W_IG, LIG, RM, NDS),		    /* VPSUBD */
	V(0xfb, W_IG, LIG, RM, NDS),		    /* VPSUBQ */
	V(0xfc, W_IG, LIG, RM, NDS),		    /* VPADDB */
	V(0xfd, W_IG, LIG, RM, NDS),		    /* VPADDW */
	V(0xfe, W_IG, LIG, RM, NDS),		    /* VPADDD */
};

static const uint32_t shapes_0f_f3[] = {
	V(0x10, W_IG, LIG, MEM, 0),	  /* VMOVSS */
	V(0x10, W_IG, LIG, REG, NDS),	  /* VMOVSS */
	V(0x11, W_IG, LIG, MEM, 0),	  /* VMOVSS */
	V(0x11, W_IG, LIG, REG, NDS),	  /* VMOVSS */
	V(0x12, W_IG, LIG, RM, 0),	  /* VMOVSLDUP */
	V(0x16, W_IG, LIG, RM, 0),	  /* VMOVSHDUP */
	V(0x2a, W_IG, LIG, RM, NDS),	  /* VCVTSI2SS */
	V(0x2c, W_IG, LIG, RM, 0),	  /* VCVTTSS2SI */
	V(0x2d, W_IG, LIG, RM, 0),	  /* VCVTSS2SI */
	V(0x51, W_IG, LIG, RM, NDS),	  /* VSQRTSS */
	V(0x52, W_IG, LIG, RM, NDS),	  /* VRSQRTSS */
	V(0x53, W_IG, LIG, RM, NDS),	  /* VRCPSS */
	V(0x58, W_IG, LIG, RM, NDS),	  /* VADDSS */
	V(0x59, W_IG, LIG, RM, NDS),	  /* VMULSS */
	V(0x5a, W_IG, LIG, RM, NDS),	  /* VCVTSS2SD */
	V(0x5b, W_IG, LIG, RM, 0),	  /* VCVTTPS2DQ */
	V(0x5c, W_IG, LIG, RM, NDS),	  /* VSUBSS */
	V(0x5d, W_IG, LIG, RM, NDS),	  /* VMINSS */
	V(0x5e, W_IG, LIG, RM, NDS),	  /* VDIVSS */
	V(0x5f, W_IG, LIG, RM, NDS),	  /* VMAXSS */
	V(0x6f, W_IG, LIG, RM, 0),	  /* VMOVDQU */
	V(0x70, W_IG, LIG, RM, IB),	  /* VPSHUFHW */
	V(0x7e, W_IG, L128, RM, 0),	  /* VMOVQ */
	V(0x7f, W_IG, LIG, RM, 0),	  /* VMOVDQU */
	V(0xc2, W_IG, LIG, RM, NDS | IB), /* VCMPSS */
	V(0xe6, W_IG, LIG, RM, 0),	  /* VCVTDQ2PD */
};

static const uint32_t shapes_0f_f2[] = {
	V(0x10, W_IG, LIG, MEM, 0),	  /* VMOVSD */
	V(0x10, W_IG, LIG, REG, NDS),	  /* VMOVSD */
	V(0x11, W_IG, LIG, MEM, 0),	  /* VMOVSD */
	V(0x11, W_IG, LIG, REG, NDS),	  /* VMOVSD */
	V(0x12, W_IG, LIG, RM, 0),	  /* VMOVDDUP */
	V(0x2a, W_IG, LIG, RM, NDS),	  /* VCVTSI2SD */
	V(0x2c, W_IG, LIG, RM, 0),	  /* VCVTTSD2SI */
	V(0x2d, W_IG, LIG, RM, 0),	  /* VCVTSD2SI */
	V(0x51, W_IG, LIG, RM, NDS),	  /* VSQRTSD */
	V(0x58, W_IG, LIG, RM, NDS),	  /* VADDSD */
	V(0x59, W_IG, LIG, RM, NDS),	  /* VMULSD */
	V(0x5a, W_IG, LIG, RM, NDS),	  /* VCVTSD2SS */
	V(0x5c, W_IG, LIG, RM, NDS),	  /* VSUBSD */
	V(0x5d, W_IG, LIG, RM, NDS),	  /* VMINSD */
	V(0x5e, W_IG, LIG, RM, NDS),	  /* VDIVSD */
	V(0x5f, W_IG, LIG, RM, NDS),	  /* VMAXSD */
	V(0x70, W_IG, LIG, RM, IB),	  /* VPSHUFLW */
	V(0x7c, W_IG, LIG, RM, NDS),	  /* VHADDPS */
	V(0x7d, W_IG, LIG, RM, NDS),	  /* VHSUBPS */
	V(0x92, W_IG, L128, REG, REG_K),  /* KMOVD KMOVQ */
	V(0x93, W_IG, L128, REG, 0),	  /* KMOVD KMOVQ */
	V(0xc2, W_IG, LIG, RM, NDS | IB), /* VCMPSD */
	V(0xd0, W_IG, LIG, RM, NDS),	  /* VADDSUBPS */
	V(0xe6, W_IG, LIG, RM, 0),	  /* VCVTPD2DQ */
	V(0xf0, W_IG, LIG, MEM, 0),	  /* VLDDQU */
};

static const uint32_t shapes_0f38_np[] = {
	V(0x49, W_0, L128, MEM, EXT(0) | ONLY64),     /* LDTILECFG */
	V(0x49, W_0, L128, REG, TILE | ONLY64),	      /* TILERELEASE */
	V(0x50, W_0, LIG, RM, NDS),		      /* VPDPBUUD */
	V(0x51, W_0, LIG, RM, NDS),		      /* VPDPBUUDS */
	V(0x5e, W_0, L128, REG, NDS | TILE | ONLY64), /* TDPBUUD */
	V(0x6c, W_0, L128, REG, NDS | TILE | ONLY64), /* TCMMRLFP16PS */
	V(0xb0, W_0, LIG, MEM, 0),		      /* VCVTNEOPH2PS */
	V(0xd2, W_0, LIG, RM, NDS),		      /* VPDPWUUD */
	V(0xd3, W_0, LIG, RM, NDS),		      /* VPDPWUUDS */
	V(0xda, W_0, L128, RM, NDS),		      /* VSM3MSG1 */
	V(0xf2, W_IG, L128, RM, NDS),		      /* ANDN */
	V(0xf3, W_IG, L128, RM, NDS | EXT(1)),	      /* BLSR */
	V(0xf3, W_IG, L128, RM, NDS | EXT(2)),	      /* BLSMSK */
	V(0xf3, W_IG, L128, RM, NDS | EXT(3)),	      /* BLSI */
	V(0xf5, W_IG, L128, RM, NDS),		      /* BZHI */
	V(0xf7, W_IG, L128, RM, NDS),		      /* BEXTR */
};

static const uint32_t shapes_0f38_66[] = {
	V(0x00, W_IG, LIG, RM, NDS),		      /* VPSHUFB */
	V(0x01, W_IG, LIG, RM, NDS),		      /* VPHADDW */
	V(0x02, W_IG, LIG, RM, NDS),		      /* VPHADDD */
	V(0x03, W_IG, LIG, RM, NDS),		      /* VPHADDSW */
	V(0x04, W_IG, LIG, RM, NDS),		      /* VPMADDUBSW */
	V(0x05, W_IG, LIG, RM, NDS),		      /* VPHSUBW */
	V(0x06, W_IG, LIG, RM, NDS),		      /* VPHSUBD */
	V(0x07, W_IG, LIG, RM, NDS),		      /* VPHSUBSW */
	V(0x08, W_IG, LIG, RM, NDS),		      /* VPSIGNB */
	V(0x09, W_IG, LIG, RM, NDS),		      /* VPSIGNW */
	V(0x0a, W_IG, LIG, RM, NDS),		      /* VPSIGND */
	V(0x0b, W_IG, LIG, RM, NDS),		      /* VPMULHRSW */
	V(0x0c, W_0, LIG, RM, NDS),		      /* VPERMILPS */
	V(0x0d, W_0, LIG, RM, NDS),		      /* VPERMILPD */
	V(0x0e, W_0, LIG, RM, 0),		      /* VTESTPS */
	V(0x0f, W_0, LIG, RM, 0),		      /* VTESTPD */
	V(0x13, W_0, LIG, RM, 0),		      /* VCVTPH2PS */
	V(0x16, W_0, L256, RM, NDS),		      /* VPERMPS */
	V(0x17, W_IG, LIG, RM, 0),		      /* VPTEST */
	V(0x18, W_0, LIG, RM, 0),		      /* VBROADCASTSS */
	V(0x19, W_0, L256, RM, 0),		      /* VBROADCASTSD */
	V(0x1a, W_0, L256, MEM, 0),		      /* VBROADCASTF128 */
	V(0x1c, W_IG, LIG, RM, 0),		      /* VPABSB */
	V(0x1d, W_IG, LIG, RM, 0),		      /* VPABSW */
	V(0x1e, W_IG, LIG, RM, 0),		      /* VPABSD */
	V(0x20, W_IG, LIG, RM, 0),		      /* VPMOVSXBW */
	V(0x21, W_IG, LIG, RM, 0),		      /* VPMOVSXBD */
	V(0x22, W_IG, LIG, RM, 0),		      /* VPMOVSXBQ */
	V(0x23, W_IG, LIG, RM, 0),		      /* VPMOVSXWD */
	V(0x24, W_IG, LIG, RM, 0),		      /* VPMOVSXWQ */
	V(0x25, W_IG, LIG, RM, 0),		      /* VPMOVSXDQ */
	V(0x28, W_IG, LIG, RM, NDS),		      /* VPMULDQ */
	V(0x29, W_IG, LIG, RM, NDS),		      /* VPCMPEQQ */
	V(0x2a, W_IG, LIG, MEM, 0),		      /* VMOVNTDQA */
	V(0x2b, W_IG, LIG, RM, NDS),		      /* VPACKUSDW */
	V(0x2c, W_0, LIG, MEM, NDS),		      /* VMASKMOVPS */
	V(0x2d, W_0, LIG, MEM, NDS),		      /* VMASKMOVPD */
	V(0x2e, W_0, LIG, MEM, NDS),		      /* VMASKMOVPS */
	V(0x2f, W_0, LIG, MEM, NDS),		      /* VMASKMOVPD */
	V(0x30, W_IG, LIG, RM, 0),		      /* VPMOVZXBW */
	V(0x31, W_IG, LIG, RM, 0),		      /* VPMOVZXBD */
	V(0x32, W_IG, LIG, RM, 0),		      /* VPMOVZXBQ */
	V(0x33, W_IG, LIG, RM, 0),		      /* VPMOVZXWD */
	V(0x34, W_IG, LIG, RM, 0),		      /* VPMOVZXWQ */
	V(0x35, W_IG, LIG, RM, 0),		      /* VPMOVZXDQ */
	V(0x36, W_0, L256, RM, NDS),		      /* VPERMD */
	V(0x37, W_IG, LIG, RM, NDS),		      /* VPCMPGTQ */
	V(0x38, W_IG, LIG, RM, NDS),		      /* VPMINSB */
	V(0x39, W_IG, LIG, RM, NDS),		      /* VPMINSD */
	V(0x3a, W_IG, LIG, RM, NDS),		      /* VPMINUW */
	V(0x3b, W_IG, LIG, RM, NDS),		      /* VPMINUD */
	V(0x3c, W_IG, LIG, RM, NDS),		      /* VPMAXSB */
	V(0x3d, W_IG, LIG, RM, NDS),		      /* VPMAXSD */
	V(0x3e, W_IG, LIG, RM, NDS),		      /* VPMAXUW */
	V(0x3f, W_IG, LIG, RM, NDS),		      /* VPMAXUD */
	V(0x40, W_IG, LIG, RM, NDS),		      /* VPMULLD */
	V(0x41, W_IG, L128, RM, 0),		      /* VPHMINPOSUW */
	V(0x45, W_IG, LIG, RM, NDS),		      /* VPSRLVD VPSRLVQ */
	V(0x46, W_0, LIG, RM, NDS),		      /* VPSRAVD */
	V(0x47, W_IG, LIG, RM, NDS),		      /* VPSLLVD VPSLLVQ */
	V(0x49, W_0, L128, MEM, EXT(0) | ONLY64),     /* STTILECFG */
	V(0x4b, W_0, L128, MEM, TILE | ONLY64),	      /* TILELOADDT1 */
	V(0x50, W_0, LIG, RM, NDS),		      /* VPDPBUSD */
	V(0x51, W_0, LIG, RM, NDS),		      /* VPDPBUSDS */
	V(0x52, W_0, LIG, RM, NDS),		      /* VPDPWSSD */
	V(0x53, W_0, LIG, RM, NDS),		      /* VPDPWSSDS */
	V(0x58, W_0, LIG, RM, 0),		      /* VPBROADCASTD */
	V(0x59, W_0, LIG, RM, 0),		      /* VPBROADCASTQ */
	V(0x5a, W_0, L256, MEM, 0),		      /* VBROADCASTI128 */
	V(0x5e, W_0, L128, REG, NDS | TILE | ONLY64), /* TDPBUSD */
	V(0x6c, W_0, L128, REG, NDS | TILE | ONLY64), /* TCMMIMFP16PS */
	V(0x78, W_0, LIG, RM, 0),		      /* VPBROADCASTB */
	V(0x79, W_0, LIG, RM, 0),		      /* VPBROADCASTW */
	V(0x8c, W_IG, LIG, MEM, NDS),		      /* VPMASKMOVD VPMASKMOVQ */
	V(0x8e, W_IG, LIG, MEM, NDS),		      /* VPMASKMOVD VPMASKMOVQ */
	V(0x90, W_IG, LIG, MEM, NDS | GATHER),	      /* VPGATHERDD VPGATHERDQ */
	V(0x91, W_IG, LIG, MEM, NDS | GATHER),	      /* VPGATHERQD VPGATHERQQ */
	V(0x92, W_IG, LIG, MEM, NDS | GATHER),	      /* VGATHERDPD VGATHERDPS */
	V(0x93, W_IG, LIG, MEM, NDS | GATHER),	      /* VGATHERQPD VGATHERQPS */
	V(0x96, W_IG, LIG, RM, NDS),		      /* VFMADDSUB132PD VFMADDSUB132PS */
	V(0x97, W_IG, LIG, RM, NDS),		      /* VFMSUBADD132PD VFMSUBADD132PS */
	V(0x98, W_IG, LIG, RM, NDS),		      /* VFMADD132PD VFMADD132PS */
	V(0x99, W_IG, LIG, RM, NDS),		      /* VFMADD132SD VFMADD132SS */
	V(0x9a, W_IG, LIG, RM, NDS),		      /* VFMSUB132PD VFMSUB132PS */
	V(0x9b, W_IG, LIG, RM, NDS),		      /* VFMSUB132SD VFMSUB132SS */
	V(0x9c, W_IG, LIG, RM, NDS),		      /* VFNMADD132PD VFNMADD132PS */
	V(0x9d, W_IG, LIG, RM, NDS),		      /* VFNMADD132SD VFNMADD132SS */
	V(0x9e, W_IG, LIG, RM, NDS),		      /* VFNMSUB132PD VFNMSUB132PS */
	V(0x9f, W_IG, LIG, RM, NDS),		      /* VFNMSUB132SD VFNMSUB132SS */
	V(0xa6, W_IG, LIG, RM, NDS),		      /* VFMADDSUB213PD VFMADDSUB213PS */
	V(0xa7, W_IG, LIG, RM, NDS),		      /* VFMSUBADD213PD VFMSUBADD213PS */
	V(0xa8, W_IG, LIG, RM, NDS),		      /* VFMADD213PD VFMADD213PS */
	V(0xa9, W_IG, LIG, RM, NDS),		      /* VFMADD213SD VFMADD213SS */
	V(0xaa, W_IG, LIG, RM, NDS),		      /* VFMSUB213PD VFMSUB213PS */
	V(0xab, W_IG, LIG, RM, NDS),		      /* VFMSUB213SD VFMSUB213SS */
	V(0xac, W_IG, LIG, RM, NDS),		      /* VFNMADD213PD VFNMADD213PS */
	V(0xad, W_IG, LIG, RM, NDS),		      /* VFNMADD213SD VFNMADD213SS */
	V(0xae, W_IG, LIG, RM, NDS),		      /* VFNMSUB213PD VFNMSUB213PS */
	V(0xaf, W_IG, LIG, RM, NDS),		      /* VFNMSUB213SD VFNMSUB213SS */
	V(0xb0, W_0, LIG, MEM, 0),		      /* VCVTNEEPH2PS */
	V(0xb1, W_0, LIG, MEM, 0),		      /* VBCSTNESH2PS */
	V(0xb4, W_1, LIG, RM, NDS),		      /* VPMADD52LUQ */
	V(0xb5, W_1, LIG, RM, NDS),		      /* VPMADD52HUQ */
	V(0xb6, W_IG, LIG, RM, NDS),		      /* VFMADDSUB231PD VFMADDSUB231PS */
	V(0xb7, W_IG, LIG, RM, NDS),		      /* VFMSUBADD231PD VFMSUBADD231PS */
	V(0xb8, W_IG, LIG, RM, NDS),		      /* VFMADD231PD VFMADD231PS */
	V(0xb9, W_IG, LIG, RM, NDS),		      /* VFMADD231SD VFMADD231SS */
	V(0xba, W_IG, LIG, RM, NDS),		      /* VFMSUB231PD VFMSUB231PS */
	V(0xbb, W_IG, LIG, RM, NDS),		      /* VFMSUB231SD VFMSUB231SS */
	V(0xbc, W_IG, LIG, RM, NDS),		      /* VFNMADD231PD VFNMADD231PS */
	V(0xbd, W_IG, LIG, RM, NDS),		      /* VFNMADD231SD VFNMADD231SS */
	V(0xbe, W_IG, LIG, RM, NDS),		      /* VFNMSUB231PD VFNMSUB231PS */
	V(0xbf, W_IG, LIG, RM, NDS),		      /* VFNMSUB231SD VFNMSUB231SS */
	V(0xcf, W_0, LIG, RM, NDS),		      /* VGF2P8MULB */
	V(0xd2, W_0, LIG, RM, NDS),		      /* VPDPWUSD */
	V(0xd3, W_0, LIG, RM, NDS),		      /* VPDPWUSDS */
	V(0xda, W_0, L128, RM, NDS),		      /* VSM3MSG2 */
	V(0xdb, W_IG, L128, RM, 0),		      /* VAESIMC */
	V(0xdc, W_IG, LIG, RM, NDS),		      /* VAESENC */
	V(0xdd, W_IG, LIG, RM, NDS),		      /* VAESENCLAST */
	V(0xde, W_IG, LIG, RM, NDS),		      /* VAESDEC */
	V(0xdf, W_IG, LIG, RM, NDS),		      /* VAESDECLAST */
	V(0xe0, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPOXADD */
	V(0xe1, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPNOXADD */
	V(0xe2, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPBXADD */
	V(0xe3, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPNBXADD */
	V(0xe4, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPZXADD */
	V(0xe5, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPNZXADD */
	V(0xe6, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPBEXADD */
	V(0xe7, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPNBEXADD */
	V(0xe8, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPSXADD */
	V(0xe9, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPNSXADD */
	V(0xea, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPPXADD */
	V(0xeb, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPNPXADD */
	V(0xec, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPLXADD */
	V(0xed, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPNLXADD */
	V(0xee, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPLEXADD */
	V(0xef, W_IG, L128, MEM, NDS | ONLY64),	      /* CMPNLEXADD */
	V(0xf7, W_IG, L128, RM, NDS),		      /* SHLX */
};

static const uint32_t shapes_0f38_f3[] = {
	V(0x4b, W_0, L128, MEM, TILE | ONLY64),	      /* TILESTORED */
	V(0x50, W_0, LIG, RM, NDS),		      /* VPDPBSUD */
	V(0x51, W_0, LIG, RM, NDS),		      /* VPDPBSUDS */
	V(0x5c, W_0, L128, REG, NDS | TILE | ONLY64), /* TDPBF16PS */
	V(0x5e, W_0, L128, REG, NDS | TILE | ONLY64), /* TDPBSUD */
	V(0x72, W_0, LIG, RM, 0),		      /* VCVTNEPS2BF16 */
	V(0xb0, W_0, LIG, MEM, 0),		      /* VCVTNEEBF162PS */
	V(0xb1, W_0, LIG, MEM, 0),		      /* VBCSTNEBF162PS */
	V(0xd2, W_0, LIG, RM, NDS),		      /* VPDPWSUD */
	V(0xd3, W_0, LIG, RM, NDS),		      /* VPDPWSUDS */
	V(0xda, W_0, LIG, RM, NDS),		      /* VSM4KEY4 */
	V(0xf5, W_IG, L128, RM, NDS),		      /* PEXT */
	V(0xf7, W_IG, L128, RM, NDS),		      /* SARX */
};

static const uint32_t shapes_0f38_f2[] = {
	V(0x49, W_0, L128, REG, TILE | ONLY64),	      /* TILEZERO */
	V(0x4b, W_0, L128, MEM, TILE | ONLY64),	      /* TILELOADD */
	V(0x50, W_0, LIG, RM, NDS),		      /* VPDPBSSD */
	V(0x51, W_0, LIG, RM, NDS),		      /* VPDPBSSDS */
	V(0x5c, W_0, L128, REG, NDS | TILE | ONLY64), /* TDPFP16PS */
	V(0x5e, W_0, L128, REG, NDS | TILE | ONLY64), /* TDPBSSD */
	V(0xb0, W_0, LIG, MEM, 0),		      /* VCVTNEOBF162PS */
	V(0xcb, W_0, L256, REG, NDS),		      /* VSHA512RNDS2 */
	V(0xcc, W_0, L256, REG, 0),		      /* VSHA512MSG1 */
	V(0xcd, W_0, L256, REG, 0),		      /* VSHA512MSG2 */
	V(0xda, W_0, LIG, RM, NDS),		      /* VSM4RNDS4 */
	V(0xf5, W_IG, L128, RM, NDS),		      /* PDEP */
	V(0xf6, W_IG, L128, RM, NDS),		      /* MULX */
	V(0xf7, W_IG, L128, RM, NDS),		      /* SHRX */
};

static const uint32_t shapes_0f3a_66[] = {
	V(0x00, W_1, L256, RM, IB),	      /* VPERMQ */
	V(0x01, W_1, L256, RM, IB),	      /* VPERMPD */
	V(0x02, W_0, LIG, RM, NDS | IB),      /* VPBLENDD */
	V(0x04, W_0, LIG, RM, IB),	      /* VPERMILPS */
	V(0x05, W_0, LIG, RM, IB),	      /* VPERMILPD */
	V(0x06, W_0, L256, RM, NDS | IB),     /* VPERM2F128 */
	V(0x08, W_IG, LIG, RM, IB),	      /* VROUNDPS */
	V(0x09, W_IG, LIG, RM, IB),	      /* VROUNDPD */
	V(0x0a, W_IG, LIG, RM, NDS | IB),     /* VROUNDSS */
	V(0x0b, W_IG, LIG, RM, NDS | IB),     /* VROUNDSD */
	V(0x0c, W_IG, LIG, RM, NDS | IB),     /* VBLENDPS */
	V(0x0d, W_IG, LIG, RM, NDS | IB),     /* VBLENDPD */
	V(0x0e, W_IG, LIG, RM, NDS | IB),     /* VPBLENDW */
	V(0x0f, W_IG, LIG, RM, NDS | IB),     /* VPALIGNR */
	V(0x14, W_IG, L128, RM, IB),	      /* VPEXTRB */
	V(0x15, W_IG, L128, RM, IB),	      /* VPEXTRW */
	V(0x16, W_IG, L128, RM, IB),	      /* VPEXTRD VPEXTRQ */
	V(0x17, W_IG, L128, RM, IB),	      /* VEXTRACTPS */
	V(0x18, W_0, L256, RM, NDS | IB),     /* VINSERTF128 */
	V(0x19, W_0, L256, RM, IB),	      /* VEXTRACTF128 */
	V(0x1d, W_0, LIG, RM, IB),	      /* VCVTPS2PH */
	V(0x20, W_IG, L128, RM, NDS | IB),    /* VPINSRB */
	V(0x21, W_IG, L128, RM, NDS | IB),    /* VINSERTPS */
	V(0x22, W_IG, L128, RM, NDS | IB),    /* VPINSRD VPINSRQ */
	V(0x30, W_IG, L128, REG, IB | REG_K), /* KSHIFTRB KSHIFTRW */
	V(0x31, W_IG, L128, REG, IB | REG_K), /* KSHIFTRD KSHIFTRQ */
	V(0x32, W_IG, L128, REG, IB | REG_K), /* KSHIFTLB KSHIFTLW */
	V(0x33, W_IG, L128, REG, IB | REG_K), /* KSHIFTLD KSHIFTLQ */
	V(0x38, W_0, L256, RM, NDS | IB),     /* VINSERTI128 */
	V(0x39, W_0, L256, RM, IB),	      /* VEXTRACTI128 */
	V(0x40, W_IG, LIG, RM, NDS | IB),     /* VDPPS */
	V(0x41, W_IG, L128, RM, NDS | IB),    /* VDPPD */
	V(0x42, W_IG, LIG, RM, NDS | IB),     /* VMPSADBW */
	V(0x44, W_IG, LIG, RM, NDS | IB),     /* VPCLMULQDQ */
	V(0x46, W_0, L256, RM, NDS | IB),     /* VPERM2I128 */
	V(0x4a, W_0, LIG, RM, NDS | IB),      /* VBLENDVPS */
	V(0x4b, W_0, LIG, RM, NDS | IB),      /* VBLENDVPD */
	V(0x4c, W_0, LIG, RM, NDS | IB),      /* VPBLENDVB */
	V(0x60, W_IG, L128, RM, IB),	      /* VPCMPESTRM */
	V(0x61, W_IG, L128, RM, IB),	      /* VPCMPESTRI */
	V(0x62, W_IG, L128, RM, IB),	      /* VPCMPISTRM */
	V(0x63, W_IG, L128, RM, IB),	      /* VPCMPISTRI */
	V(0xce, W_1, LIG, RM, NDS | IB),      /* VGF2P8AFFINEQB */
	V(0xcf, W_1, LIG, RM, NDS | IB),      /* VGF2P8AFFINEINVQB */
	V(0xde, W_0, L128, RM, NDS | IB),     /* VSM3RNDS2 */
	V(0xdf, W_IG, L128, RM, IB),	      /* VAESKEYGENASSIST */
};

static const uint32_t shapes_0f3a_f2[] = {
	V(0xf0, W_IG, L128, RM, IB), /* RORX */
};

const struct emu_vex_section emu_vex_sections[EMU_VEX_MAPS][4] = {
	[0] = { [0] = SECTION(shapes_0f_np),
		[1] = SECTION(shapes_0f_66),
		[2] = SECTION(shapes_0f_f3),
		[3] = SECTION(shapes_0f_f2) },
	[1] = { [0] = SECTION(shapes_0f38_np),
		[1] = SECTION(shapes_0f38_66),
		[2] = SECTION(shapes_0f38_f3),
		[3] = SECTION(shapes_0f38_f2) },
	[2] = { [1] = SECTION(shapes_0f3a_66), [3] = SECTION(shapes_0f3a_f2) },
};
