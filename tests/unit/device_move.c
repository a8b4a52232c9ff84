/* SPDX-License-Identifier: MIT */
/*
 * Plain moves of 64-bit code (hv/emulate/device.c): completed without executing them if the exit says that the
 * address is theirs. Each random move is done so and, with an exit that names another byte of the page,
 * by the emulator; the root and the guest must not see a difference.
 */
#include "tests/random.h"
#include "tests/unit/guest_device.h"

#include "x86/cr.h"

static struct random rng = { 1 };

struct seen {
	enum device_outcome first, second;
	struct whit_device_access record;
	uint64_t gpr[16], rip, rflags, shadow;
};

struct move {
	uint8_t bytes[16];
	uint64_t gpr[16], rflags, address, answer[2];
	bool is_write;
	unsigned int n_bytes;
};

static void long_mode(void)
{
	static const struct x86_segment code = { .limit = ~0u, .attributes = 0xa09b };

	virt_set_segment(guest_vp->virt, SEG_CS, &code);
	virt_set(guest_vp->virt, VIRT_EFER, EFER_LME | EFER_LMA);
}

static void see(const struct move *move, bool is_exact, struct seen *seen)
{
	struct virt_exit exit = memory_exit(move->address, move->is_write);

	guest_begin();
	long_mode();
	memcpy(guest_memory[1], move->bytes, sizeof(move->bytes));
	memcpy(guest_regs()->gpr, move->gpr, sizeof(move->gpr));
	guest_regs()->rflags = move->rflags;
	virt_set(guest_vp->virt, VIRT_SHADOW, VIRT_SHADOW_STI);
	if (!is_exact) {
		exit.memory.gva.a ^= 0x800;
		exit.memory.gpa.a ^= exit.memory.gva_valid ? 0 : 0x800;
	}
	memset(seen, 0, sizeof(*seen));
	seen->first = device_memory(guest_vp, &exit);
	CHECK(guest_vp->device.is_move);
	CHECK_EQ(guest_vp->device.stage == DEVICE_WAITS_LOAD, is_exact && !move->is_write);
	memcpy(&seen->record, record(), 16 + move->n_bytes);
	answer(move->answer, 8);
	seen->second = run_again();
	memcpy(seen->gpr, guest_regs()->gpr, sizeof(seen->gpr));
	seen->rip = guest_regs()->rip;
	seen->rflags = guest_regs()->rflags;
	seen->shadow = virt_get(guest_vp->virt, VIRT_SHADOW);
	CHECK(device_is_idle(guest_vp));
	CHECK_EQ(test_root.emulated, 1);
}

/* A random move whose operand lies in the device; false if these bytes are none. */
static bool make(struct move *move)
{
	static const uint8_t opcodes[] = { 0x88, 0x89, 0x8a, 0x8b, 0xc6, 0xc7, 0x63, 0xa0,
					   0xa1, 0xa2, 0xa3, 0xb6, 0xb7, 0xbe, 0xbf, 0xc3 };
	uint8_t opcode = opcodes[random_next(&rng) % sizeof(opcodes)];
	struct emu_insn insn;
	struct emu_move what;
	unsigned int n = 0;

	for (unsigned int i = 0; i < 16; i++) {
		move->bytes[i] = (uint8_t)random_next(&rng);
		move->gpr[i] = random_next(&rng);
	}
	if (random_chance(&rng, 25))
		move->bytes[n++] = 0x66;
	if (random_chance(&rng, 60))
		move->bytes[n++] = (uint8_t)(0x40 + random_next(&rng) % 16);
	if (opcode >= 0xb6 && opcode != 0xc6 && opcode != 0xc7)
		move->bytes[n++] = 0x0f;
	move->bytes[n++] = opcode;
	move->address = DEVICE + random_next(&rng) % 4089;
	if ((opcode & 0xfc) == 0xa0)
		memcpy(&move->bytes[n], &move->address, 8);
	else if (opcode == 0xc6 || opcode == 0xc7)
		move->bytes[n] &= 0xc7;
	if (emu_decode(move->bytes, 15, EMU_LONG64, &insn) != EMU_DECODED ||
	    !emu_get_move(&insn, &what) || insn.base >= 16 || insn.base == insn.index)
		return false;
	if (insn.base >= 0)
		move->gpr[insn.base] += move->address - emu_move_offset(&insn, move->gpr, 0x1000);
	else if ((opcode & 0xfc) != 0xa0)
		return false;
	move->is_write = !what.is_load;
	move->n_bytes = what.n_bytes;
	move->rflags = RFLAGS_ONE | (random_next(&rng) & (RFLAGS_STATUS | RFLAGS_RF));
	move->answer[0] = random_next(&rng);
	return true;
}

static void a_plain_move_is_as_the_emulator_does_it(void)
{
	unsigned int n = 0, n_loads = 0;

	guest_new();
	for (unsigned int i = 0; i < 60000 && !check_has_failed(); i++) {
		struct seen plain, executed;
		struct move move;

		if (!make(&move))
			continue;
		see(&move, true, &plain);
		see(&move, false, &executed);
		CHECK_EQ(plain.first, DEVICE_EXIT);
		CHECK_EQ(plain.second, DEVICE_RESUME);
		CHECK(!memcmp(&plain, &executed, sizeof(plain)));
		n++;
		n_loads += !move.is_write;
	}
	CHECK(n > 20000);
	CHECK(n_loads > n / 4 && n_loads < n * 3 / 4);
}

/* Half of the operand lies in the page behind: nobody has checked that. */
static void a_move_over_the_page_is_executed(void)
{
	guest_new();
	long_mode();
	CODE(0x48, 0x8b, 0x03); /* mov rax, [rbx] */
	guest_regs()->gpr[3] = DEVICE + 0xffc;
	CHECK_EQ(at_memory(DEVICE + 0xffc, false), DEVICE_EXIT);
	CHECK(guest_vp->device.stage != DEVICE_WAITS_LOAD);
	CHECK_RECORD(false, false, DEVICE + 0xffc, 4, 1);
}

static void a_move_is_given_up_when_the_mode_changes(void)
{
	guest_new();
	long_mode();
	CODE(0x8b, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	CHECK_EQ(guest_vp->device.stage, DEVICE_WAITS_LOAD);
	answer_number(0xcafe, 4);
	virt_set(guest_vp->virt, VIRT_EFER, 0);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->rip, 0x1000);
	CHECK_EQ(guest_regs()->gpr[0], 0);
	CHECK(device_is_idle(guest_vp));
}

/* The code is not what the processor ran: a store where the exit was a read. */
static void a_move_of_the_other_direction_is_executed(void)
{
	guest_new();
	long_mode();
	CODE(0x89, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	CHECK_RECORD(false, true, DEVICE, 4, 1);
	CHECK_EQ(guest_regs()->rip, 0x1002);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_plain_move_is_as_the_emulator_does_it),
		TEST(a_move_over_the_page_is_executed),
		TEST(a_move_is_given_up_when_the_mode_changes),
		TEST(a_move_of_the_other_direction_is_executed),
	};

	return RUN(tests);
}
