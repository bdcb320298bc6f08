/* story.h - plays a text scenario against the failover engine. Used by test_scenarios.c only.
 *
 * A story is what happens, and what the engine must do then, completely:
 *
 *     story a 402 moves the request to the next node
 *     nodes 3
 *     @0   up 1; up 2; up 3        => active 3
 *     @10  request r1              => dispatch r1 -> 3
 *     @45  outcome r1 http-402     => node 3 READY>DRAINED (quota); switch 3>2; dispatch r1 ->
 * 2
 *     @60  started r1; done r1
 *
 * Before the first event: `nodes N` (numbered from 1, all ours, none up), `external N`. Then
 * one line is one moment: `@TIME` (ms; or 5s, 2m, 1h) may be left out when no time passes. On
 * the way to it the timer fires at each deadline, and what it does belongs to this line; a line
 * may have no event at all. `#` starts a comment.
 *
 * EVENTS
 *   up N                  its process answers, and /usage says that all is well
 *   answers N             its process answers; /usage is still to be answered
 *   down N starting|login|stopped|backoff TIME
 *   usage N ok [PREMIUM-REQUESTS]|unlimited|silent|exhausted|overage [reset TIME]
 *                         answers its POLL; silent: the plan tells no figure
 *   evidence N WORD       a line of its log proves so (enum node_evidence)
 *   restored N [active] [drained] [limited TIME] [hold TIME] [reset TIME]
 *                         [estimate PREMIUM-REQUESTS]
 *   program restarts      it forgets all but what it remembers of each node
 *   usage-failed N [unreachable]
 *   probe N ok|failed     answers its PROBE
 *   add N [rank R], remove N, order N N ..., reset-active [N], policy NAME VALUE...
 *   request NAME [free] [bypass] [cost PREMIUM-REQUESTS]
 *   started NAME          the first byte goes to the client
 *   done NAME             the answer is complete
 *   outcome NAME http-STATUS [CODE | "MESSAGE"] [after TIME]   classified by outcome.c;
 *                         after: its Retry-After
 *   outcome NAME connect|reset|timeout|broken
 *   gone NAME, fin NAME   the client left, the client sends no more
 * `on N` after done or outcome: the attempt on that node, not the last one.
 *
 * EXPECTATIONS
 *   dispatch NAME -> N, pass NAME, truncate NAME, end NAME, reply NAME STATUS KIND (retry TIME)
 *   abort NAME, restart N (CAUSE), node N OLD>NEW (CAUSE), switch N>N (CAUSE), poll N, probe N
 *   active N|none, state N STATE (CAUSE), estimate N PREMIUM-REQUESTS      looked at after the
 *                         line
 * An action that no line expects fails the story. Words in parentheses may be left out. The
 * order counts among actions of one kind. Three rules keep stories short: `done` and `gone`
 * expect their `end` themselves; polls and probes are compared only on lines that speak of
 * them (`no-poll`, `no-probe`: none there); `active` stands for the line's nodes and switches.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STORY_H
#define STORY_H

#include <stdbool.h>

/* Plays the lines of one story, which starts at line `first` of the file. Returns false after
 * it has said what is wrong, with file and line, on stderr. `text` is cut up on the way. */
bool story_play(const char *file, unsigned first, char *text);

#endif
