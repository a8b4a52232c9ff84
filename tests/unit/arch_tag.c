// SPDX-License-Identifier: MIT
/* Tags of cached translations: each has one owner, 0 has none, and those that come back are found again. */
#include <string.h>

#include "arch/x86/tag.h"
#include "tests/check.h"
#include "tests/random.h"

static struct random rng;

static struct tags tags;
static bool is_owned[TAG_MAX];

/* Numbers of tags as processors have them: 16 under QEMU, and any, the ends of a word among them. */
static const uint32_t sizes[] = { 1, 2, 16, 63, 64, 65, 128, 1000, 32768, TAG_MAX };

#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void begin(void)
{
	memset(&tags, 0, sizeof(tags));
	memset(is_owned, 0, sizeof(is_owned));
}

static uint16_t take(uint32_t n)
{
	const uint16_t tag = tag_take(&tags, n);

	CHECK(tag < n);
	CHECK(!is_owned[tag]);
	is_owned[tag] = tag;
	return tag;
}

static void give(uint16_t tag)
{
	is_owned[tag] = false;
	tag_give(&tags, tag);
}

static void every_tag_but_zero_is_given_once(void)
{
	for (size_t i = 0; i < N_SIZES; i++) {
		begin();
		for (uint32_t k = 1; k < sizes[i]; k++)
			CHECK(take(sizes[i]));
		CHECK_EQ(take(sizes[i]), 0);
		CHECK_EQ(take(sizes[i]), 0);
	}
}

static void a_tag_that_comes_back_is_found(void)
{
	for (size_t i = 1; i < N_SIZES; i++) {
		const uint32_t n = sizes[i];

		begin();
		while (take(n))
			;
		for (int k = 0; k < 100; k++) {
			const uint16_t tag = (uint16_t)(1 + random_below(&rng, n - 1));

			give(tag);
			CHECK_EQ(take(n), tag);
			CHECK_EQ(take(n), 0);
		}
	}
}

static void owners_come_and_go(void)
{
	for (size_t i = 1; i < N_SIZES; i++) {
		const uint32_t n = sizes[i];
		uint32_t n_owned = 0, n_given = 0;

		begin();
		for (int k = 0; k < 20000; k++) {
			const uint16_t tag = (uint16_t)(1 + random_below(&rng, n - 1));

			if (is_owned[tag]) {
				give(tag);
				n_owned--;
				n_given++;
			} else {
				CHECK_EQ(take(n) != 0, n_owned < n - 1);
				n_owned += n_owned < n - 1;
			}
		}
		CHECK(n_given > 100 || n > 10000);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(every_tag_but_zero_is_given_once),
		TEST(a_tag_that_comes_back_is_found),
		TEST(owners_come_and_go),
	};

	rng.state = 8;

	return RUN(tests);
}
