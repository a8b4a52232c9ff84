/* SPDX-License-Identifier: MIT */
/*
 * An interrupt for a VP (hv/apic/ipi.c, owner_tell()), which may run on either of two processors,
 * be in the root between two Runs, be owned by a short call, or sleep because its last Run has
 * answered WHIT_S_IDLE. Its thread in the root clears `wake` before each Run, and sleeps until
 * somebody wakes it (or, now and then, its timer does). Two others post: one out of a Run, whose
 * thread wakes whom `wake_vps` names; and one as a client, whose thread looks at `wake`.
 *
 * Claims: each post is taken in the end; so no wake-up and no kick is lost. An NMI is known as a kick.
 *
 * Checked with
 *   check SENDERS=2
 *   check fair SENDERS=1
 *
 * Each of these makes spin find an error:
 *   POST_PLAIN      who posts sets is_due by a plain store before he looks whether the VP sleeps
 *   SLEEP_PLAIN     Run sets is_asleep by a plain store before it looks at is_due once more
 *   LOOK_FIRST      Run looks once more before it sets is_asleep
 *   NO_LOOK         Run does not look once more
 *   CLEAR_LATE      is_due is cleared after the posts have been taken
 *   BUSY_IS_AWAKE   a VP that a short call owns is not told by its page
 *   NO_KICK         a VP that runs elsewhere is not kicked
 *   HEARD_LATE      a noted kick is forgotten between the look at is_due and the entry
 *   CLEAR_AFTER     the thread clears `wake` after Run, in place of before it
 *   NO_THREAD       the sender's thread wakes nobody
 */
#ifndef SENDERS
#define SENDERS 2
#endif
/* Two that send, and two on which the VP runs by turns. */
#define CPUS	   4
#define RUNS_ON(i) (2 + (i))

#define POSTED 0
#define DUE    1
#define OWNER  2
#define ASLEEP 3
#define WAKE   4
#define WORDS  5
#include "tso.pml"

#define BUSY 100

bool kick[CPUS], nmi[CPUS], pending[CPUS], in_guest[CPUS];
bool is_thread_asleep;

inline wake_thread()
{
	atomic {
		FENCED(me) ->
#ifndef NO_THREAD
		is_thread_asleep = false
#endif
	}
}

/* Sets has_woken, as the answer. */
inline owner_tell()
{
	owner = LOAD(me, OWNER);
	if
#ifndef NO_KICK
	:: owner && owner != BUSY ->
		atomic {
			FENCED(me) ->
			was = kick[owner - 1];
			kick[owner - 1] = true
		}
		if
		:: !was -> nmi[owner - 1] = true
		:: else
		fi
#endif
	:: else
	fi;
	has_woken = false;
	if
#ifdef BUSY_IS_AWAKE
	:: LOAD(me, ASLEEP) && owner != BUSY ->
#else
	:: LOAD(me, ASLEEP) ->
#endif
		atomic {
			FENCED(me) ->
			has_woken = mem[ASLEEP];
			mem[ASLEEP] = false
		}
	:: else
	fi;
	if
	:: has_woken -> STORE(me, WAKE, 1)
	:: else
	fi;
	owner = 0;
	was = false
}

proctype Sender(byte me)
{
	byte owner;
	bool was, has_woken;

	XCHG(me, POSTED, 1);
#ifdef POST_PLAIN
	STORE(me, DUE, 1);
#else
	XCHG(me, DUE, 1);
#endif
	owner_tell();
	/* The threads of a Run and of a client. */
	if
	:: me == 0 && has_woken -> wake_thread()
	:: me == 1 && LOAD(me, WAKE) -> wake_thread()
	:: else
	fi
}

/* A client that reads the VP's registers. */
proctype Client()
{
	if
	:: atomic {
		!mem[OWNER] ->
		mem[OWNER] = BUSY
	   }
	   mem[OWNER] = 0
	:: true
	fi
}

inline virt_run()
{
	atomic {
		if
		:: pending[me] -> pending[me] = false
		:: else -> in_guest[me] = true
		fi
	}
	/* The guest leaves by itself, or runs until it is kicked. */
	if
	:: atomic { in_guest[me] -> in_guest[me] = false }
	:: true ->
end_guest:
		!in_guest[me]
	fi
}

inline may_sleep()
{
#ifdef LOOK_FIRST
	is_idle = !LOAD(me, DUE);
#endif
#ifdef SLEEP_PLAIN
	STORE(me, ASLEEP, 1);
#else
	XCHG(me, ASLEEP, 1);
#endif
#ifdef NO_LOOK
	is_idle = true;
#endif
#if !defined(LOOK_FIRST) && !defined(NO_LOOK)
	is_idle = !LOAD(me, DUE);
#endif
	if
	:: !is_idle -> STORE(me, ASLEEP, 0)
	:: else
	fi
}

/* Sets is_idle: the answer is WHIT_S_IDLE. */
inline call_run()
{
	is_idle = false;
	/* Run waits for a short call to end. */
	atomic {
		FENCED(me) && !mem[OWNER] ->
		mem[OWNER] = me + 1
	}
	STORE(me, ASLEEP, 0);
	do
	:: true ->
		if
		:: LOAD(me, DUE) ->
#ifndef CLEAR_LATE
			XCHG(me, DUE, 0);
#endif
			XCHG(me, POSTED, 0);
#ifdef CLEAR_LATE
			XCHG(me, DUE, 0);
#endif
		:: else
		fi;
#ifdef HEARD_LATE
		pending[me] = false;
#endif
		if
		:: true -> virt_run()
		:: true -> break /* an exit for the client, or the root's interrupt */
		:: true ->
			may_sleep();
			break
		fi
	od;
	STORE(me, OWNER, 0)
}

inline sleep()
{
	atomic {
		FENCED(me) ->
		is_thread_asleep = true
	}
	if
	:: LOAD(me, WAKE) -> is_thread_asleep = false
	:: else ->
		if
		:: true -> is_thread_asleep = false /* its timer */
		:: true ->
end_sleep:
			!is_thread_asleep
		fi
	fi
}

proctype Thread()
{
	byte me = RUNS_ON(0);
	bool is_idle;

	do
	:: true ->
#ifndef CLEAR_AFTER
		STORE(me, WAKE, 0);
#endif
		call_run();
#ifdef CLEAR_AFTER
		STORE(me, WAKE, 0);
#endif
		if
		:: is_idle -> sleep()
		:: else
		fi;
		/* The root's scheduler moves the thread. */
		if
		:: FENCED(me) -> me = RUNS_ON(0) + RUNS_ON(1) - me
		:: true
		fi
	od
}

proctype Nmi(byte me)
{
end:
	do
	:: atomic {
		nmi[me] && FENCED(me) ->
		nmi[me] = false;
		assert(kick[me]);
		kick[me] = false;
		if
		:: in_guest[me] -> in_guest[me] = false
		:: else -> pending[me] = true
		fi
	   }
	od
}

/* Nothing can happen any more. */
proctype End()
{
end:
	timeout;
	assert(!mem[POSTED])
}

init
{
	atomic {
		run Sender(0);
		if
		:: SENDERS == 2 -> run Sender(1)
		:: else
		fi;
		run Client();
		run Thread();
		run Nmi(RUNS_ON(0));
		run Nmi(RUNS_ON(1));
		run Buffer(0);
		run Buffer(1);
		run Buffer(RUNS_ON(0));
		run Buffer(RUNS_ON(1));
		run End()
	}
}

ltl post_is_taken
{
	[] (mem[POSTED] -> <> !mem[POSTED])
}
