/* SPDX-License-Identifier: MIT */
/* hv/mem/frame.c: the books of the machine's RAM. */
#include "tests/random.h"
#include "tests/unit/machine.h"

static struct random rng = { 1 };

static void frames_know_what_is_root_ram(void)
{
	machine(256 * MIB);
	REQUIRE(frames_are_root(64 * MIB, 64 * MIB));
	REQUIRE(frames_are_root(PAGE_SIZE, BLOCK_BASE - PAGE_SIZE));
	REQUIRE(frames_are_root(100 * MIB + 17, 5));
	REQUIRE(!frames_are_root(0, 1)); /* the handover leaves page 0 out */
	REQUIRE(!frames_are_root(BLOCK_BASE - 1, 2));
	REQUIRE(!frames_are_root(BLOCK_BASE, 1));
	REQUIRE(!frames_are_root(BLOCK_BASE + 32 * MIB - 1, 2));
	REQUIRE(frames_are_root(BLOCK_BASE + 32 * MIB, 2));
	REQUIRE(frames_are_root(256 * MIB - 1, 1));
	REQUIRE(!frames_are_root(256 * MIB - 1, 2));
	REQUIRE(!frames_are_root(64 * MIB, 1024 * GIB));
	REQUIRE(!frames_are_root(~0ull, 1));
	REQUIRE(!frames_are_root(~0ull - 4095, 8192));
	REQUIRE(!frames_are_root(64 * MIB, ~0ull));
	REQUIRE_EQ(frames_kind(SPA(~0ull)), FRAME_PLAIN);
}

static void frames_mapped_are_not_lent(void)
{
	machine(3 * GIB);
	frames_map(SPA(1 * GIB), LEVEL_1G);
	REQUIRE(!frames_lend(SPA(1 * GIB + 5 * MIB), 1));
	REQUIRE(frames_lend(SPA(1 * GIB - PAGE_SIZE), 1));
	REQUIRE(!frames_lend(SPA(1 * GIB - 2 * PAGE_SIZE),
			     3)); /* the second is lent, the third mapped */
	REQUIRE(frames_are_root(1 * GIB - 2 * PAGE_SIZE, PAGE_SIZE));
	frames_map(SPA(2 * GIB), LEVEL_2M);
	frames_map(SPA(2 * GIB + 4 * MIB), LEVEL_4K);
	REQUIRE(!frames_lend(SPA(2 * GIB + 2 * MIB - PAGE_SIZE), 1));
	REQUIRE(frames_lend(SPA(2 * GIB + 2 * MIB), 512));
	REQUIRE(!frames_lend(SPA(2 * GIB + 4 * MIB), 1));
	REQUIRE(frames_are_root(2 * GIB, 2 * MIB));
	REQUIRE(!frames_are_root(2 * GIB, 2 * MIB + 1));
	REQUIRE(!frames_are_root(2 * GIB, 1 * GIB));
	frames_unmap(SPA(1 * GIB), LEVEL_1G);
	REQUIRE(frames_lend(SPA(1 * GIB + 5 * MIB), 1));
	REQUIRE_EQ(hv.stats.lent_pages, 514);
	frames_mark(SPA(1 * GIB + 5 * MIB), FRAME_PARTITION);
	REQUIRE_EQ(frames_kind(SPA(1 * GIB + 5 * MIB + 99)), FRAME_PARTITION);
	REQUIRE_EQ(frames_kind(SPA(1 * GIB + 6 * MIB)), FRAME_PLAIN);
	frames_unlend(SPA(1 * GIB + 5 * MIB), 1);
	REQUIRE_EQ(frames_kind(SPA(1 * GIB + 5 * MIB)), FRAME_PLAIN);
}

/* A model without levels: a count of each kind of use for every page. */
#define MODEL_BASE  (1 * GIB)
#define MODEL_PAGES (1 * GIB / PAGE_SIZE)

static uint16_t uses[MODEL_PAGES];
static uint8_t lent[MODEL_PAGES];

static bool model_is_root(uint64_t page, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (lent[page + i])
			return false;
	return true;
}

static void frames_agree_with_a_plain_model(void)
{
	static struct {
		uint64_t page, n;
		unsigned int level;
	} mapped[512];
	unsigned int n_mapped = 0;

	machine(3 * GIB);
	memset(uses, 0, sizeof(uses));
	memset(lent, 0, sizeof(lent));
	for (unsigned int round = 0; round < 20000; round++) {
		const unsigned int level =
			1 + (unsigned int)random_below(&rng, random_below(&rng, 8) ? 2 : 3);
		const uint64_t n = LEVEL_SIZE(level) / PAGE_SIZE;
		const uint64_t page =
			random_below(&rng, random_below(&rng, 2) ? 4096 : MODEL_PAGES) & ~(n - 1);
		const uint64_t spa = MODEL_BASE + page * PAGE_SIZE;

		REQUIRE_EQ(frames_are_root(spa, n * PAGE_SIZE), model_is_root(page, n));
		switch (random_below(&rng, 4)) {
		case 0:
			if (n_mapped < 512 && model_is_root(page, n)) {
				frames_map(SPA(spa), level);
				mapped[n_mapped].page = page;
				mapped[n_mapped].n = n;
				mapped[n_mapped++].level = level;
				for (uint64_t i = 0; i < n; i++)
					uses[page + i]++;
			}
			break;
		case 1:
			if (n_mapped) {
				const unsigned int k = (unsigned int)random_below(&rng, n_mapped);

				frames_unmap(SPA(MODEL_BASE + mapped[k].page * PAGE_SIZE),
					     mapped[k].level);
				for (uint64_t i = 0; i < mapped[k].n; i++)
					uses[mapped[k].page + i]--;
				mapped[k] = mapped[--n_mapped];
			}
			break;
		case 2: {
			const uint64_t count = 1 + random_below(&rng, 16);
			bool may = page + count <= MODEL_PAGES;

			for (uint64_t i = 0; may && i < count; i++)
				may = !uses[page + i] && !lent[page + i];
			REQUIRE_EQ(frames_lend(SPA(spa), count), may);
			for (uint64_t i = 0; may && i < count; i++)
				lent[page + i] = 1;
			break;
		}
		default:
			if (lent[page]) {
				frames_unlend(SPA(spa), 1);
				lent[page] = 0;
			}
		}
	}
	while (n_mapped--)
		frames_unmap(SPA(MODEL_BASE + mapped[n_mapped].page * PAGE_SIZE),
			     mapped[n_mapped].level);
	for (uint64_t page = 0; page < MODEL_PAGES; page++) {
		REQUIRE_EQ(frames_uses(SPA(MODEL_BASE + page * PAGE_SIZE), LEVEL_4K), 0);
		REQUIRE_EQ(frames_kind(SPA(MODEL_BASE + page * PAGE_SIZE)),
			   lent[page] ? FRAME_LENT : FRAME_PLAIN);
	}
}

static void handover_that_is_wrong_is_refused(void)
{
	struct whit_handover *h;

	fake_reset(256 * MIB);
	h = fake_handover(BLOCK_BASE, 32 * MIB);
	h->ram[1].base -= PAGE_SIZE; /* into the block */
	REQUIRE_EQ(hv_init(h), WHIT_LAUNCH_BAD_RECORD);
	REQUIRE(strstr(h->message, "block"));
	h = fake_handover(BLOCK_BASE, 32 * MIB);
	h->ram[1].n_bytes += 1;
	REQUIRE_EQ(hv_init(h), WHIT_LAUNCH_BAD_RECORD);
	h = fake_handover(BLOCK_BASE, 32 * MIB);
	h->ram[1].base = 0;
	REQUIRE_EQ(hv_init(h), WHIT_LAUNCH_BAD_RECORD);
	h = fake_handover(BLOCK_BASE, 32 * MIB);
	h->heap_bytes += PAGE_SIZE;
	REQUIRE_EQ(hv_init(h), WHIT_LAUNCH_BAD_RECORD);
	h = fake_handover(BLOCK_BASE, 32 * MIB);
	h->n_ram = WHIT_MAX_RAM_RANGES + 1;
	REQUIRE_EQ(hv_init(h), WHIT_LAUNCH_BAD_RECORD);
}

/* With any number of heap pages the start either succeeds or says that memory is short. */
static void heap_too_small_is_refused(void)
{
	uint64_t n_refused = 0;

	for (uint64_t n = 1; n < 80; n++) {
		struct whit_handover *h;
		uint64_t code;

		fake_reset(64 * MIB);
		h = fake_handover(BLOCK_BASE, 4 * MIB);
		h->heap_bytes = n * PAGE_SIZE;
		code = hv_init(h);
		if (code != WHIT_LAUNCH_OK) {
			n_refused++;
			REQUIRE_EQ(code, WHIT_LAUNCH_NO_MEMORY);
			REQUIRE(strstr(h->message, "too small"));
		}
	}
	REQUIRE(n_refused > 5 && n_refused < 70);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(frames_know_what_is_root_ram),    TEST(frames_mapped_are_not_lent),
		TEST(frames_agree_with_a_plain_model), TEST(handover_that_is_wrong_is_refused),
		TEST(heap_too_small_is_refused),
	};

	return RUN(tests);
}
