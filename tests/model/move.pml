/* SPDX-License-Identifier: MIT */
/*
 * A VP's VMCS moves from one processor to another (arch/vmx/active.c): it is active on one at a
 * time, which alone can put it back into memory. Who wants it has taken the VP for itself, writes
 * it into the other's letter, kicks, and waits; the other's handler of NMIs puts it back, at any
 * instruction of what it interrupts. A processor bounds what is active on it (here to one VP), puts
 * all back before its root waits for a SIPI, where no NMI comes, and holds its own kick word
 * meanwhile. Each processor uses one of two VPs, each active on one to begin with, deletes one, or its
 * root waits for a SIPI.
 *
 * Claims: no VMCS is active on two processors; none is put back or used that is gone; nobody waits
 * for ever.
 *
 * Checked with
 *   check CPUS=2 DEEDS=2
 *   check CPUS=3 DEEDS=1
 *   check fair CPUS=2 DEEDS=2
 *
 * Each of these makes spin find an error:
 *   NO_CALL         a VMCS is loaded although it is active elsewhere
 *   DELETE_ACTIVE   a VP is deleted although its VMCS is active
 *   EVICT_TWICE     who puts a VMCS back does not take it out of the table by an exchange first
 *   KICK_FIRST      the kick is sent before the letter is written
 *   WORD_LATE       the handler clears the kick word after its look at the letter
 *   NMI_BLOCKED     who waits for a VMCS keeps NMIs blocked
 *   PARK_ACTIVE     a processor goes to wait for a SIPI with a VMCS active
 *   PARK_OPEN       a processor goes to wait for a SIPI while a kick may be on its way
 */
#ifndef CPUS
#define CPUS 2
#endif
#ifndef DEEDS
#define DEEDS 2
#endif
#define VPS    2
#define WHERE(v) (v) /* vmx->cpu: the processor's number plus 1, or 0 */
#define WORDS  VPS
#include "tso.pml"

#define BUSY 100

bool in_nmi[CPUS]; /* the handler runs, and what it has interrupted does not */
bool kick[CPUS], nmi[CPUS], waits[CPUS], is_blocked[CPUS];
bool letter_locked[CPUS];
byte wanted[CPUS]; /* a VP's number plus 1, 0, or BUSY */
byte table[CPUS]; /* the table */
bool owned[VPS];

/* For the claims. */
bool is_gone[VPS];
byte n_ended;
byte active_on[VPS]; /* the processor's number plus 1 */

inline put_back(vp)
{
	atomic {
		assert(!is_gone[vp] && active_on[vp] == 1 + me);
		active_on[vp] = 0
	}
	STORE(me, WHERE(vp), 0)
}

inline evict()
{
#ifdef EVICT_TWICE
	old = table[me];
	if
	:: old -> put_back(old - 1)
	:: else
	fi;
	table[me] = 0;
#else
	atomic {
		FENCED(me) ->
		old = table[me];
		table[me] = 0
	}
	if
	:: old -> put_back(old - 1)
	:: else
	fi;
#endif
	old = 0
}

inline kick_send(cpu)
{
	atomic {
		FENCED(me) ->
		was = kick[cpu];
		kick[cpu] = true
	}
	if
	:: !was -> nmi[cpu] = true
	:: else
	fi;
	was = false
}

inline call_back(vp, from)
{
	atomic {
		FENCED(me) && !letter_locked[from] ->
		letter_locked[from] = true
	}
#ifdef NMI_BLOCKED
	is_blocked[me] = true;
#endif
#ifdef KICK_FIRST
	kick_send(from);
	wanted[from] = 1 + vp;
#else
	wanted[from] = 1 + vp;
	kick_send(from);
#endif
	LOAD(me, WHERE(vp)) != 1 + from;
	atomic {
		wanted[from] != BUSY ->
		wanted[from] = 0
	}
#ifdef NMI_BLOCKED
	is_blocked[me] = false;
#endif
	letter_locked[from] = false
}

inline vmcs_load(vp)
{
	if
	:: LOAD(me, WHERE(vp)) != 1 + me ->
		other = LOAD(me, WHERE(vp));
#ifndef NO_CALL
		if
		:: other -> call_back(vp, (other - 1))
		:: else
		fi;
#endif
		other = 0;
		STORE(me, WHERE(vp), 1 + me);
		evict();
		atomic {
			FENCED(me) ->
			table[me] = 1 + vp;
			assert(!active_on[vp]);
			active_on[vp] = 1 + me
		}
	:: else
	fi;
	assert(!is_gone[vp] && active_on[vp] == 1 + me)
}

/* As the VP is deleted. */
inline active_end(vp)
{
	other = LOAD(me, WHERE(vp));
	if
	:: other == 1 + me -> evict()
	:: other && other != 1 + me -> call_back(vp, (other - 1))
	:: else
	fi;
	other = 0
}

inline wait_for_sipi()
{
#ifndef PARK_OPEN
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
#ifndef PARK_ACTIVE
	evict();
#endif
	waits[me] = true;
	/* The SIPI. */
	waits[me] = false;
#ifndef PARK_OPEN
	atomic {
		FENCED(me) ->
		kick[me] = false
	}
#endif
}

proctype Processor(byte me) provided (!in_nmi[_pid - 1])
{
	byte deeds, vp, other, old;
	bool was;

	for (deeds : 1 .. DEEDS) {
		if
		:: vp = 0
		:: vp = 1
		:: vp = VPS
		fi;
		if
		:: vp == VPS -> wait_for_sipi()
		:: vp < VPS ->
			atomic {
				if
				:: !owned[vp] -> owned[vp] = true
				:: else -> vp = VPS
				fi
			}
			if
			:: vp < VPS ->
				vmcs_load(vp);
				atomic {
					FENCED(me) ->
					owned[vp] = false
				}
			:: vp < VPS ->
#ifndef DELETE_ACTIVE
				active_end(vp);
#endif
				assert(!is_gone[vp]);
				is_gone[vp] = true
			:: else
			fi
		fi
	};
	n_ended++
}

proctype Nmi(byte me)
{
	byte vp, old;

end:
	do
	:: atomic {
		nmi[me] && !waits[me] && !is_blocked[me] && FENCED(me) ->
		nmi[me] = false;
		in_nmi[me] = true
	   }
#ifndef WORD_LATE
		atomic {
			assert(kick[me]);
			kick[me] = false
		}
#endif
		vp = wanted[me];
		atomic {
			if
			:: vp && vp != BUSY && wanted[me] == vp -> wanted[me] = BUSY
			:: else -> vp = 0
			fi
		}
		if
		:: vp ->
			if
			:: table[me] == vp ->
				table[me] = 0;
				put_back(vp - 1)
			:: else
			fi;
			atomic {
				FENCED(me) ->
				wanted[me] = 0
			}
		:: else
		fi;
		vp = 0;
#ifdef WORD_LATE
		kick[me] = false;
#endif
		in_nmi[me] = false
	:: atomic { nmi[me] && waits[me] -> nmi[me] = false }
	od
}

init
{
	byte i;

	atomic {
		for (i : 0 .. VPS - 1) {
			mem[WHERE(i)] = 1 + i;
			table[i] = 1 + i;
			active_on[i] = 1 + i
		}
		for (i : 0 .. CPUS - 1) {
			run Processor(i)
		}
		for (i : 0 .. CPUS - 1) {
			run Nmi(i);
			run Buffer(i)
		}
	}
}

ltl deeds_end
{
	<> (n_ended == CPUS)
}
