/* SPDX-License-Identifier: MIT */
/*
 * The 0F 38 opcode map, SDM 2 "Three-byte Opcode Map": sparse, so that an opcode has the number of
 * a row. Arithmetic of vectors shares rows by the mandatory prefixes that exist and by its
 * extension.
 */
#include <stddef.h>

#include "emu/run.h"

static const struct emu_row prefix_movbe_load[4] = {
	OP2("MOVBE", Gv, Mv, W | NEEDS(EMU_MOVBE), emu_x_movbe),
	OP2("MOVBE", Gv, Mv, W | NEEDS(EMU_MOVBE), emu_x_movbe),
	OP0("(none)", UD, NULL),
	OP2("CRC32", Gd, Eb, RW | NEEDS(EMU_SSE4_2), emu_x_crc32),
};

static const struct emu_row prefix_movbe_store[4] = {
	OP2("MOVBE", Mv, Gv, W | NEEDS(EMU_MOVBE), emu_x_movbe),
	OP2("MOVBE", Mv, Gv, W | NEEDS(EMU_MOVBE), emu_x_movbe),
	OP0("(none)", UD, NULL),
	OP2("CRC32", Gd, Ev, RW | MAIN1 | NEEDS(EMU_SSE4_2), emu_x_crc32),
};

static const struct emu_row prefix_adcx[4] = {
	OP2("WRSS", My, Gy, W | PROT, NULL),
	OP2("ADCX", Gy, Ey, RW | NEEDS(EMU_ADX), emu_x_adcx),
	OP2("ADOX", Gy, Ey, RW | NEEDS(EMU_ADX), emu_x_adox),
	OP0("(none)", UD, NULL),
};

/* Of the two memory operands the one that is written lies at ES:reg. */
static const struct emu_row prefix_movdir64b[4] = {
	OP0("(none)", UD, NULL),
	OP2("MOVDIR64B", Gv, Mx, OWN | STACK | NEEDS(EMU_MOVDIR64B), emu_x_movdir64b),
	OP2("ENQCMDS", Gv, Mx, OWN | STACK, NULL),
	OP2("ENQCMD", Gv, Mx, OWN | STACK, NULL),
};

/* AES-128 and AES-256 with key locker, memory alone; LOADIWKEY has registers alone. */
static const struct emu_row group_aes_wide[8] = {
	OP1("AESENCWIDE128KL", Mx, R, NULL),
	OP1("AESDECWIDE128KL", Mx, R, NULL),
	OP1("AESENCWIDE256KL", Mx, R, NULL),
	OP1("AESDECWIDE256KL", Mx, R, NULL),
	OP0("(none)", UD, NULL),
	OP0("(none)", UD, NULL),
	OP0("(none)", UD, NULL),
	OP0("(none)", UD, NULL),
};

static const struct emu_row prefix_aes_wide[4] = {
	OP0("(none)", UD, NULL),
	OP0("(none)", UD, NULL),
	GROUP(group_aes_wide, 0),
	OP0("(none)", UD, NULL),
};

static const struct emu_row prefix_aesenc[4] = {
	OP0("(none)", UD, NULL),
	OP2("AESENC", Vx, Wx, RW, NULL),
	OP2("AESENC128KL", Vx, Wx, RW, NULL),
	OP0("(none)", UD, NULL),
};

static const struct emu_row prefix_aes[4] = {
	OP0("(none)", UD, NULL),
	OP2("AESENCLAST", Vx, Wx, RW, NULL),
	OP2("AESDEC128KL", Vx, Mx, RW, NULL),
	OP0("(none)", UD, NULL),
};

enum {
	NONE,
	SSSE3,
	SSE4_1,
	SSE4_2,
	PMOVSXBW,
	PMOVSXBD,
	PMOVSXBQ,
	PMOVSXWD,
	PMOVSXWQ,
	PMOVSXDQ,
	PMOVZXBW,
	PMOVZXBD,
	PMOVZXBQ,
	PMOVZXWD,
	PMOVZXWQ,
	PMOVZXDQ,
	MOVNTDQA,
	INVEPT,
	INVPCID,
	SHA,
	GFNI,
	AESIMC,
	AES_WIDE,
	AESENC,
	AES,
	MOVBE_LOAD,
	MOVBE_STORE,
	WRUSS,
	ADCX,
	MOVDIR64B,
	MOVDIRI,
	ENCODEKEY,
	RAO,
};

const struct emu_row emu_rows_0f38[] = {
	[NONE] = OP0("(none)", UD, NULL),
	[SSSE3] = OP2("(SSSE3)", Vx, Wx, RW | NP | P66, NULL),
	[SSE4_1] = OP2("(SSE4.1)", Vx, Wx, RW | P66, NULL),
	[SSE4_2] = OP2("PCMPGTQ", Vx, Wx, RW | P66, NULL),
	[PMOVSXBW] = OP2("PMOVSXBW", Vx, Wq, OWN | W | P66 | NEEDS(EMU_SSE4_1), emu_x_vec_extend),
	[PMOVSXBD] = OP2("PMOVSXBD", Vx, Wd, OWN | W | P66 | NEEDS(EMU_SSE4_1), emu_x_vec_extend),
	[PMOVSXBQ] = OP2("PMOVSXBQ", Vx, Ww, OWN | W | P66 | NEEDS(EMU_SSE4_1), emu_x_vec_extend),
	[PMOVSXWD] = OP2("PMOVSXWD", Vx, Wq, OWN | W | P66 | NEEDS(EMU_SSE4_1), emu_x_vec_extend),
	[PMOVSXWQ] = OP2("PMOVSXWQ", Vx, Wd, OWN | W | P66 | NEEDS(EMU_SSE4_1), emu_x_vec_extend),
	[PMOVSXDQ] = OP2("PMOVSXDQ", Vx, Wq, OWN | W | P66 | NEEDS(EMU_SSE4_1), emu_x_vec_extend),
	[PMOVZXBW] = OP2("PMOVZXBW", Vx, Wq, OWN | W | P66 | NEEDS(EMU_SSE4_1), emu_x_vec_extend),
	[PMOVZXBD] = OP2("PMOVZXBD", Vx, Wd, OWN | W | P66 | NEEDS(EMU_SSE4_1), emu_x_vec_extend),
	[PMOVZXBQ] = OP2("PMOVZXBQ", Vx, Ww, OWN | W | P66 | NEEDS(EMU_SSE4_1), emu_x_vec_extend),
	[PMOVZXWD] = OP2("PMOVZXWD", Vx, Wq, OWN | W | P66 | NEEDS(EMU_SSE4_1), emu_x_vec_extend),
	[PMOVZXWQ] = OP2("PMOVZXWQ", Vx, Wd, OWN | W | P66 | NEEDS(EMU_SSE4_1), emu_x_vec_extend),
	[PMOVZXDQ] = OP2("PMOVZXDQ", Vx, Wq, OWN | W | P66 | NEEDS(EMU_SSE4_1), emu_x_vec_extend),
	[MOVNTDQA] =
		OP2("MOVNTDQA", Vx, Mx,
		    OWN | W | P66 | NEEDS(EMU_SSE4_1) | VECTOR(MEM_ALL | ALIGNED), emu_x_vec_load),
	[INVEPT] = OP2("INVEPT/INVVPID", Gv, Mx, R | PROT | P66, NULL),
	[INVPCID] = OP2("INVPCID", Gv, Mx, R | P66, NULL),
	[SHA] = OP2("(SHA)", Vx, Wx, RW | NP, NULL),
	[GFNI] = OP2("GF2P8MULB", Vx, Wx, RW | P66, NULL),
	[AESIMC] = OP2("AESIMC", Vx, Wx, RW | P66, NULL),
	[AES_WIDE] = GROUP(prefix_aes_wide, ROW_GROUP_PREFIX),
	[AESENC] = GROUP(prefix_aesenc, ROW_GROUP_PREFIX),
	[AES] = GROUP(prefix_aes, ROW_GROUP_PREFIX),
	[MOVBE_LOAD] = GROUP(prefix_movbe_load, ROW_GROUP_PREFIX),
	[MOVBE_STORE] = GROUP(prefix_movbe_store, ROW_GROUP_PREFIX),
	[WRUSS] = OP2("WRUSS", My, Gy, W | PROT | P66, NULL),
	[ADCX] = GROUP(prefix_adcx, ROW_GROUP_PREFIX),
	[MOVDIR64B] = GROUP(prefix_movdir64b, ROW_GROUP_PREFIX),
	[MOVDIRI] = OP2("MOVDIRI", My, Gy, W | NP | NEEDS(EMU_MOVDIRI), emu_x_mov),
	[ENCODEKEY] = OP2("ENCODEKEY", Gd, Rd, W | PF3, NULL),
	[RAO] = OP2("AADD/AAND/AXOR/AOR", My, Gy, RW, NULL), /* by mandatory prefix */
};

const uint8_t emu_map_0f38[256] = {
	[0x00 ... 0x0b] = SSSE3,
	[0x10] = SSE4_1,
	[0x14 ... 0x15] = SSE4_1,
	[0x17] = SSE4_1,
	[0x1c ... 0x1e] = SSSE3,
	[0x20] = PMOVSXBW,
	[0x21] = PMOVSXBD,
	[0x22] = PMOVSXBQ,
	[0x23] = PMOVSXWD,
	[0x24] = PMOVSXWQ,
	[0x25] = PMOVSXDQ,
	[0x28 ... 0x29] = SSE4_1,
	[0x2a] = MOVNTDQA,
	[0x2b] = SSE4_1,
	[0x30] = PMOVZXBW,
	[0x31] = PMOVZXBD,
	[0x32] = PMOVZXBQ,
	[0x33] = PMOVZXWD,
	[0x34] = PMOVZXWQ,
	[0x35] = PMOVZXDQ,
	[0x37] = SSE4_2,
	[0x38 ... 0x41] = SSE4_1,
	[0x80 ... 0x81] = INVEPT,
	[0x82] = INVPCID,
	[0xc8 ... 0xcd] = SHA,
	[0xcf] = GFNI,
	[0xd8] = AES_WIDE,
	[0xdb] = AESIMC,
	[0xdc] = AESENC,
	[0xdd ... 0xdf] = AES,
	[0xf0] = MOVBE_LOAD,
	[0xf1] = MOVBE_STORE,
	[0xf5] = WRUSS,
	[0xf6] = ADCX,
	[0xf8] = MOVDIR64B,
	[0xf9] = MOVDIRI,
	[0xfa ... 0xfb] = ENCODEKEY,
	[0xfc] = RAO,
};
