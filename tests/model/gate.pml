/* SPDX-License-Identifier: MIT */
/*
 * The gate of a nested space (hv/mem/gate.h), with kicks, locks and a root that waits for its SIPI.
 *
 * Each processor does a few things, any of them: it runs its root (space 0), runs a VP of partition
 * 1 or 2, takes something away from a partition's space (under the partition's lock) or from the
 * root's (a loan: under a partition's lock and hv.lock), or its root waits for a SIPI. A guest may
 * leave by itself or run until it is kicked.
 *
 * Claims: nobody uses a space while it is changed, or translations of before; each closing ends;
 * each NMI that is a kick is known as one.
 *
 * Checked with
 *   check CPUS=2 DEEDS=2
 *   check fair CPUS=2 DEEDS=1
 *
 * Each of these makes spin find an error:
 *   NO_XCHG         the turn is stored to `inside` by a plain store
 *   NO_FENCE        the closing turn is a plain store
 *   NO_SECOND_LOOK  who enters does not look at the turn again
 *   NO_RENEW        translations of an older turn are kept
 *   HEARD_LATE      a noted kick is forgotten (virt_heard()) between the look at the turn and the entry
 *   NO_ABORT        a kick that comes in the hypervisor does not abort the entry
 *   HEARD_CLEARS    virt_heard() clears the kick word, whose NMI may not have come yet
 *   LOCK_INSIDE     a VP waits for its partition's lock while it is inside
 *   HV_LOCK_FIRST   a partition's gate is closed under hv.lock, too
 *   PARK_OPEN       a processor goes to wait for a SIPI while a kick may be on its way
 *   PARK_CLEARS     the same, and the kick word is cleared at the SIPI
 *   FIRST_TURN_0    the first turn is 0, which stands for "not inside"
 */
#ifndef CPUS
#define CPUS 2
#endif
#ifndef DEEDS
#define DEEDS 2
#endif
#define SPACES	     3
#define TURN(s)	     (s)
#define INSIDE(s, c) (SPACES + (s) * CPUS + (c))
#define WORDS	     (SPACES + SPACES * CPUS)
#include "tso.pml"

#define HV_LOCK 0 /* the others are the partitions', by their space */

#ifdef FIRST_TURN_0
#define FIRST_TURN 0
#else
#define FIRST_TURN 2
#endif

bool locked[SPACES];
bool kick[CPUS];    /* percpu->kick */
bool nmi[CPUS];	    /* latched by the processor */
bool pending[CPUS]; /* the handler's note, at which an entry is aborted */
bool in_guest[CPUS], waits[CPUS];

/* For the claims: 1 + the space that the processor relies on, and what it has cached. */
byte uses[CPUS];
byte closes; /* how many close a gate now */
byte version[SPACES];
byte known[SPACES * CPUS];
byte cached[SPACES * CPUS];

inline take(lock)
{
	atomic {
		FENCED(me) && !locked[lock] ->
		locked[lock] = true
	}
}

inline drop(lock)
{
	atomic {
		FENCED(me) ->
		locked[lock] = false
	}
}

inline virt_kick(cpu)
{
	atomic {
		FENCED(me) ->
		was = kick[cpu];
		kick[cpu] = true
	}
	if
	:: !was -> nmi[cpu] = true
	:: else
	fi
}

inline gate_enter(s)
{
	turn = known[s * CPUS + me];
	do
	:: true ->
#ifdef NO_XCHG
	   STORE(me, INSIDE(s, me), turn);
#else
	   XCHG(me, INSIDE(s, me), turn);
#endif
	   atomic {
		if
#ifdef NO_SECOND_LOOK
		:: true ->
#else
		:: LOAD(me, TURN(s)) == turn ->
#endif
			uses[me] = 1 + s;
#ifndef NO_RENEW
			if
			:: known[s * CPUS + me] != turn -> cached[s * CPUS + me] = version[s]
			:: else
			fi;
#endif
			known[s * CPUS + me] = turn;
			break
#ifndef NO_SECOND_LOOK
		:: else
#endif
		fi
	   }
	   STORE(me, INSIDE(s, me), 0);
	   atomic {
		LOAD(me, TURN(s)) % 2 == 0 ->
		turn = LOAD(me, TURN(s))
	   }
	od
}

inline gate_leave(s)
{
	uses[me] = 0;
	STORE(me, INSIDE(s, me), 0)
}

/*
 * The root waits for a SIPI. NMIs do not come meanwhile, and one that has come may be lost; so the
 * processor holds its kick word itself, and nobody sends one.
 */
inline wait_for_sipi()
{
#if !defined(PARK_OPEN) && !defined(PARK_CLEARS)
	do
	:: atomic {
		FENCED(me) ->
		was = kick[me];
		kick[me] = true
	   }
		if
		:: was -> !kick[me]
		:: else -> break
		fi
	od;
#endif
	waits[me] = true;
	waits[me] = false;
#ifndef PARK_OPEN
	atomic {
		FENCED(me) ->
		kick[me] = false
	}
#endif
}

/* Something to do before an entry. */
inline work(s)
{
	if
	:: s ->
#ifndef LOCK_INSIDE
		gate_leave(s);
#endif
		take(s);
		drop(s);
#ifndef LOCK_INSIDE
		gate_enter(s)
#endif
	:: s ->
		take(HV_LOCK);
		drop(HV_LOCK)
	:: !s ->
		gate_leave(s);
		wait_for_sipi();
		gate_enter(s)
	fi
}

/* virt_run(), of a guest that leaves by itself, or one that runs until it is kicked. */
inline virt_run()
{
	atomic {
		if
#ifndef NO_ABORT
		:: pending[me] -> pending[me] = false
#endif
		:: else ->
			assert(cached[space * CPUS + me] == version[space]);
			in_guest[me] = true
		fi
	}
	if
	:: atomic { in_guest[me] -> in_guest[me] = false; has_left = true }
	:: true ->
end_guest:
		!in_guest[me]
	fi
}

/* vp_run(), and the root's loop, which goes out after each exit. */
inline vp_run(s)
{
	has_left = false;
	gate_enter(s);
	do
	:: has_left -> break
	:: else ->
		if
		:: pending[me] -> pending[me] = false /* run_wanted(): it may be for something else */
		:: true
		fi;
		if
		:: LOAD(me, TURN(s)) != known[s * CPUS + me] ->
			gate_leave(s);
#ifdef HEARD_CLEARS
			atomic { FENCED(me) -> kick[me] = false }
#endif
			pending[me] = false;
			gate_enter(s)
		:: else
		fi;
#ifdef HEARD_LATE
		pending[me] = false;
#endif
		if
		:: work(s)
		:: true ->
			virt_run();
			if
			:: !s && !has_left ->
				gate_leave(s);
				gate_enter(s)
			:: else
			fi
		fi
	od;
	gate_leave(s)
}

inline gate_close(s)
{
	assert(LOAD(me, INSIDE(s, me)) == 0);
	turn = LOAD(me, TURN(s));
	closes++;
#ifdef NO_FENCE
	STORE(me, TURN(s), turn + 1);
#else
	XCHG(me, TURN(s), turn + 1);
#endif
	for (cpu : 0 .. CPUS - 1) {
		if
		:: LOAD(me, INSIDE(s, cpu)) -> virt_kick(cpu)
		:: else
		fi
	}
	for (cpu : 0 .. CPUS - 1) {
		LOAD(me, INSIDE(s, cpu)) == 0
	}
	atomic {
		for (cpu : 0 .. CPUS - 1) {
			assert(uses[cpu] != 1 + s)
		}
		version[s]++;
		closes--;
		cpu = 0
	}
}

inline gate_open(s)
{
	for (cpu : 0 .. CPUS - 1) {
		assert(uses[cpu] != 1 + s)
	}
	cpu = 0;
	STORE(me, TURN(s), turn + 2)
}

inline unmap(s)
{
	take(s);
#ifdef HV_LOCK_FIRST
	take(HV_LOCK);
#endif
	gate_close(s);
	gate_open(s);
#ifdef HV_LOCK_FIRST
	drop(HV_LOCK);
#endif
	drop(s)
}

inline lend(s)
{
	take(s);
	take(HV_LOCK);
	gate_close(0);
	gate_open(0);
	drop(HV_LOCK);
	drop(s)
}

proctype Processor(byte me)
{
	byte deeds, turn, cpu, space;
	bool was, has_left;

	for (deeds : 1 .. DEEDS) {
		if
		:: space = 0
		:: space = 1
		:: space = 2
		fi;
		if
		:: vp_run(space)
		:: space -> unmap(space)
		:: space -> lend(space)
		fi
	}
}

/* The NMI: the handler's, or an exit of the guest. */
proctype Nmi(byte me)
{
end:
	do
	:: atomic {
		nmi[me] && !waits[me] && FENCED(me) ->
		nmi[me] = false;
		assert(kick[me]);
		kick[me] = false;
		if
		:: in_guest[me] -> in_guest[me] = false
		:: else -> pending[me] = true
		fi
	   }
	:: atomic { nmi[me] && waits[me] -> nmi[me] = false }
	od
}

init
{
	byte i;

	atomic {
		for (i : 0 .. SPACES - 1) {
			mem[TURN(i)] = FIRST_TURN
		}
		for (i : 0 .. CPUS - 1) {
			run Processor(i);
			run Nmi(i);
			run Buffer(i)
		}
	}
}

ltl closing_ends
{
	[] (closes -> <> !closes)
}
