/* SPDX-License-Identifier: MIT */
/*
 * Who may touch a VP and its partition: the owner word (hv/owner.h), handles that are looked up
 * without a lock (hv/mem/handle.h), and the deletion of both.
 *
 * Each processor makes a few hypercalls, any of them, on a partition of two VPs: Run, in which the
 * VP may send something to the other one, or need the partition's lock; a short call; DeleteVP;
 * DeletePartition, which is made again as long as it answers WHIT_S_AGAIN and other calls are open.
 * With three processors the first one does nothing but run VP 0.
 *
 * Claims: nobody touches a VP or partition that is gone; one processor at most runs a VP; all calls
 * end.
 *
 * Checked with
 *   check CPUS=3 DEEDS=1
 *   check CPUS=2 DEEDS=2
 *   check fair CPUS=2 DEEDS=1
 *
 * Each of these makes spin find an error:
 *   NO_FENCE        `using` is set by a plain store
 *   NO_WAIT         who frees does not wait until nobody looks
 *   UNLINK_PLAIN    a VP is unlinked by a plain store with no fence behind it
 *   DONE_EARLY      Run is done with the look-up before it has claimed the VP
 *   NO_CLAIM        Run looks at the owner and sets it in two steps
 *   WAITS_USING     a call waits for the partition's lock while `using` is set
 *   NO_GATE         DeleteVP does not send running siblings, who may be about to post, out and in
 *   TOUCH_AFTER     Run touches the VP once more after it has given it up
 *   WAIT_FIRST      DeletePartition first waits, then makes the partition impossible to find
 */
#ifndef CPUS
#define CPUS 3
#endif
#ifndef DEEDS
#define DEEDS 1
#endif
#define USING(c)  (c)
#define VPS(v)	  (CPUS + (v))
#define OWNER(v)  (CPUS + 2 + (v))
#define INSIDE(v) (CPUS + 4 + (v))
#define FOUND	  (CPUS + 6) /* the books say that a partition is there */
#define DYING	  (CPUS + 7)
#define TURN	  (CPUS + 8)
#define WORDS	  (CPUS + 9)
#include "tso.pml"

#define BUSY 100

bool locked; /* the partition's lock */

/* For the claims. */
bool is_there = true;
bool vp_is_there[2] = true;
byte n_runs[2];
byte n_ended;
byte n_calls; /* that are open and do not wait to be made again */

#define TOUCH	     assert(is_there)
#define TOUCH_VP(vp) assert(is_there && vp_is_there[vp])

inline handle_look()
{
#ifdef NO_FENCE
	STORE(me, USING(me), 1);
#else
	XCHG(me, USING(me), 1);
#endif
	found = LOAD(me, FOUND);
	if
	:: found -> TOUCH
	:: else
	fi
}

inline handle_done()
{
	STORE(me, USING(me), 0)
}

inline handle_wait()
{
	FENCED(me);
#ifndef NO_WAIT
	for (cpu : 0 .. CPUS - 1) {
		LOAD(me, USING(cpu)) == 0
	}
#endif
}

/* Sets got. */
inline lock_try()
{
	atomic {
		FENCED(me) ->
		TOUCH;
		got = !locked;
		locked = true
	}
}

inline lock_drop()
{
	atomic {
		FENCED(me) ->
		TOUCH;
		locked = false
	}
}

/* Sets claimed, to the owner before: 0 is a success. */
inline claim(vp, who)
{
#ifdef NO_CLAIM
	TOUCH_VP(vp);
	claimed = LOAD(me, OWNER(vp));
	if
	:: !claimed -> STORE(me, OWNER(vp), who)
	:: else
	fi
#else
	atomic {
		FENCED(me) ->
		TOUCH_VP(vp);
		claimed = mem[OWNER(vp)];
		if
		:: !claimed -> mem[OWNER(vp)] = who
		:: else
		fi
	}
#endif
}

inline gate_enter(vp)
{
	TOUCH_VP(vp);
	turn = 0; /* or any other turn that is known */
	do
	:: true ->
	   XCHG(me, INSIDE(vp), turn);
	   if
	   :: LOAD(me, TURN) == turn -> break
	   :: else -> STORE(me, INSIDE(vp), 0)
	   fi;
	   atomic {
		LOAD(me, TURN) % 2 == 0 ->
		turn = LOAD(me, TURN)
	   }
	od
}

/* What is found of the other VP is good until the VP goes out. */
inline post_to(other)
{
	if
	:: LOAD(me, VPS(other)) ->
		TOUCH_VP(other);
		TOUCH_VP(other)
	:: else
	fi
}

inline call_run(vp)
{
	do
	:: true ->
		handle_look();
		claimed = 1;
#ifdef DONE_EARLY
		handle_done();
#endif
		if
		:: found && !LOAD(me, DYING) && LOAD(me, VPS(vp)) -> claim(vp, me + 1)
		:: else
		fi;
#ifndef DONE_EARLY
		handle_done();
#endif
		if
		:: claimed == BUSY
		:: else -> break
		fi
	od;
	if
	:: !claimed ->
		n_runs[vp]++;
		assert(n_runs[vp] == 1);
		gate_enter(vp);
		if
		:: true ->
			STORE(me, INSIDE(vp), 0);
			do
			:: !locked ->
				lock_try();
				if
				:: got -> break
				:: else
				fi
			od;
			TOUCH_VP(vp);
			lock_drop();
			gate_enter(vp)
		:: post_to(1 - vp)
		:: true
		fi;
		TOUCH_VP(vp);
		n_runs[vp]--;
		STORE(me, INSIDE(vp), 0);
		STORE(me, OWNER(vp), 0)
#ifdef TOUCH_AFTER
		TOUCH_VP(vp)
#endif
	:: else
	fi
}

/* Sets got: the partition is locked. */
inline partition_take()
{
	do
	:: true ->
		handle_look();
		got = false;
		if
		:: !found || LOAD(me, DYING) ->
			handle_done();
			break
		:: else
		fi;
		lock_try();
		if
		:: got && !LOAD(me, DYING) ->
			handle_done();
			break
		:: got && LOAD(me, DYING) ->
			lock_drop();
			got = false;
			handle_done();
			break
		:: else
		fi;
#ifdef WAITS_USING
		!locked || LOAD(me, DYING);
#endif
		handle_done();
		/* Another try would be in vain before. */
		!locked || LOAD(me, DYING)
	od
}

/* Of a VP that the caller owns; the partition is locked. */
inline vp_destroy(vp)
{
#ifdef UNLINK_PLAIN
	STORE(me, VPS(vp), 0);
	for (cpu : 0 .. CPUS - 1) {
		LOAD(me, USING(cpu)) == 0
	}
#else
	XCHG(me, VPS(vp), 0);
	handle_wait();
#endif
#ifndef NO_GATE
	turn = mem[TURN];
	XCHG(me, TURN, turn + 1);
	if
	:: LOAD(me, VPS(1 - vp)) ->
		TOUCH_VP(1 - vp);
		LOAD(me, INSIDE(1 - vp)) == 0
	:: else
	fi;
	XCHG(me, TURN, turn + 2);
#endif
	vp_is_there[vp] = false
}

inline call_on(vp, deletes)
{
	partition_take();
	if
	:: got && LOAD(me, VPS(vp)) ->
		claim(vp, BUSY);
		if
		:: !claimed && deletes -> vp_destroy(vp)
		:: !claimed && !deletes ->
			TOUCH_VP(vp);
			STORE(me, OWNER(vp), 0)
		:: else
		fi
	:: else
	fi;
	if
	:: got -> lock_drop()
	:: else
	fi
}

inline delete_vp_of(vp)
{
	if
	:: LOAD(me, VPS(vp)) ->
		claim(vp, BUSY);
		if
		:: !claimed -> vp_destroy(vp)
		:: else -> is_again = true
		fi
	:: else
	fi
}

inline call_delete_partition()
{
	do
	:: true ->
		is_again = false;
		got = false;
		handle_look();
		if
		:: found ->
			STORE(me, DYING, 1);
			lock_try();
			is_again = !got
		:: else
		fi;
		handle_done();
		if
		:: got ->
			delete_vp_of(0);
			delete_vp_of(1);
			if
			:: is_again -> lock_drop()
			:: else ->
#ifdef WAIT_FIRST
				handle_wait();
				XCHG(me, FOUND, 0);
#else
				XCHG(me, FOUND, 0);
				handle_wait();
#endif
				is_there = false
			fi
		:: else
		fi;
		if
		:: is_again ->
			/* Another one before a call has ended would say the same. */
			n_calls--;
			!n_calls || !LOAD(me, FOUND);
			n_calls++
		:: else -> break
		fi
	od
}

proctype Processor(byte me)
{
	byte deeds, turn, cpu, claimed, vp;
	bool found, got, is_again;

	n_calls++;
	for (deeds : 1 .. DEEDS) {
		if
		:: vp = 0
		:: me || CPUS == 2 -> vp = 1
		fi;
		if
		:: call_run(vp)
		:: me || CPUS == 2 -> call_on(vp, false)
		:: me || CPUS == 2 -> call_on(vp, true)
		:: (me || CPUS == 2) && !vp -> call_delete_partition()
		fi
	};
	n_calls--;
	n_ended++
}

init
{
	byte i;

	atomic {
		mem[VPS(0)] = 1;
		mem[VPS(1)] = 1;
		mem[FOUND] = 1;
		mem[TURN] = 2;
		for (i : 0 .. CPUS - 1) {
			run Processor(i);
			run Buffer(i)
		}
	}
}

ltl calls_end
{
	<> (n_ended == CPUS)
}
