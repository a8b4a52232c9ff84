/* SPDX-License-Identifier: MIT */
/*
 * Memory as x86 processors share it (SDM 3A "Memory Ordering"): a plain store waits in a buffer of
 * its processor, and comes to memory in order and at any later time; the processor itself sees it
 * at once. A locked instruction waits until the buffer is empty. Two stores per processor can wait.
 *
 * A model defines CPUS, WORDS (how many words of memory stand behind buffers) and then includes
 * this. Words that are only ever changed by locked instructions need no place in mem[].
 */
byte mem[WORDS];
byte n_stored[CPUS];
byte word0[CPUS], value0[CPUS]; /* the older store, */
byte word1[CPUS], value1[CPUS]; /* and the newer */

#define LOAD(c, w)                                                                                 \
	((n_stored[c] == 2 && word1[c] == (w)) ->                                                  \
		 value1[c] :                                                                       \
		 ((n_stored[c] && word0[c] == (w)) -> value0[c] : mem[w]))

/* The guard of a locked instruction, and a fence by itself. */
#define FENCED(c) (n_stored[c] == 0)

inline STORE(c, to, new)
{
	atomic {
		if
		:: n_stored[c] == 0 ->
			word0[c] = to;
			value0[c] = new
		:: n_stored[c] == 1 ->
			word1[c] = to;
			value1[c] = new
		fi;
		n_stored[c]++
	}
}

/* An exchange whose old value nobody wants. */
inline XCHG(c, to, new)
{
	atomic {
		FENCED(c) ->
		mem[to] = new
	}
}

proctype Buffer(byte me)
{
end:
	do
	:: d_step {
		n_stored[me] ->
		mem[word0[me]] = value0[me];
		word0[me] = word1[me];
		value0[me] = value1[me];
		word1[me] = 0;
		value1[me] = 0;
		n_stored[me]--
	   }
	od
}
