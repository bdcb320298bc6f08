/* bounds.h - every bound in the program, each with its reason.
 *
 * Freestanding. Not called limits.h: gcc's own <limits.h> looks for the system's through the
 * quote path, too, and would find ours. A bound that people may want to move is a setting
 * instead (supervisor/config_table.c); what stands here keeps tables, lines and buffers finite.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BOUNDS_H
#define BOUNDS_H

/* Nodes of all kinds. One bit each in failover's "tried" mask. The exhaustive search builds the
 * engine with smaller tables, hence the #ifndef. */
#ifndef NODES_MAX
#define NODES_MAX 64
#endif

/* Requests that the engine tracks at once: one for each client connection, see
 * [gateway] connections_max, whose upper bound this is. */
#ifndef REQUESTS_MAX
#define REQUESTS_MAX 4096
#endif

/* Attempts outlive a request when its client left (copilot-api reads its upstream to the end).
 */
#ifndef ATTEMPTS_MAX
#define ATTEMPTS_MAX (2 * REQUESTS_MAX)
#endif

#define NODE_NAME_MAX   63  /* a host name label (RFC 1035 section 2.3.4) */
#define REASON_MAX      160 /* "why" of a state change, shown in one line of status */
#define SWITCH_LOG_MAX  20  /* entries of switchLog in /health */
#define JOURNAL_MAX     200 /* entries of /admin/journal: weeks of quiet, an hour of trouble */
#define ERROR_TEXT_MAX  512 /* one error sentence with file, line and advice */
#define EVENTS_KEPT_MAX 512 /* for /admin/events: a reconnect takes seconds */
#define REQUEST_ID_MAX  64  /* of a client's X-Request-Id that we take over; a UUID has 36 */

/* Listening sockets. Every one is looked at each time when accepting pauses or resumes. */
#define LISTENERS_MAX   16 /* a machine has a handful of addresses, and systemd a few sockets */
#define LISTEN_PATH_MAX 107  /* sun_path of unix(7) without its NUL */
#define LEAVING_MAX     64   /* refused, or their last answer is out: beside connections_max */
#define LISTEN_BACKLOG  4096 /* as REQUESTS_MAX; the kernel cuts it to net.core.somaxconn */

/* Who may call */
#define CIDRS_MAX 64 /* ranges in one list: each is compared with every request's address */

/* HTTP, client side */
#define HEAD_BYTES_MAX    (16 * 1024)   /* nginx and Node have 8-16 KiB; beyond it: 431 */
#define HEAD_FIELDS_MAX   100           /* beyond it: 431 */
#define TARGET_BYTES_MAX  8192          /* RFC 9110 section 4.1 asks for 8000; beyond it: 414 */
#define READ_BUFFER_BYTES (64 * 1024)   /* libuv suggests 64 KiB; one shared buffer a loop */
#define BODY_HEAP_BYTES   (1024 * 1024) /* larger request bodies have a mapping of their own */
#define CHUNK_DIGITS_MAX  32            /* of one size: 16 have a meaning, zeros may lead */
/* Chunk extensions, in bytes more than the data that they come with: nobody uses them, and what
 * is skipped costs time. */
#define CHUNK_EXTENSION_MAX (16 * 1024)
#define REFUSAL_BYTES_MAX                                                                      \
    (64 * 1024)                       /* a held refusal; longer ones are cut off from judging  \
                                       */
#define WRITE_HIGH_BYTES (256 * 1024) /* stop reading the node above this */
#define WRITE_LOW_BYTES  (64 * 1024)  /* go on reading below this */
/* When many answers are under way each has a smaller share of this, and at least that: 500 slow
 * readers shall fit into 64 MiB, with a read of READ_BUFFER_BYTES on top of each share. */
#define WRITE_TOTAL_BYTES    (16 * 1024 * 1024)
#define WRITE_HIGH_BYTES_MIN (16 * 1024)
/* Lifecycle events held before STARTED (DESIGN D8). Those of the responses API repeat the
 * instructions and tools of the request, 40 to 120 KB with coding agents, two or three times.
 */
#define HELD_STREAM_BYTES_MAX (384 * 1024)
#define HELD_STREAM_MS        5000 /* the same in time (DESIGN D8) */

/* HTTP, node side */
#define UPSTREAM_HEAD_BYTES_MAX  (64 * 1024)
#define UPSTREAM_HEAD_FIELDS_MAX 2048 /* so many of 32 bytes fill a head */
#define UPSTREAM_IDLE_MS         4000 /* copilot-api closes idle ones after 5 s */
#define UPSTREAM_STALE_MS        1000 /* a round trip to a node on another continent */
#define UPSTREAM_POOL_MAX        32   /* idle connections kept a node; a burst of 19 is usual */

/* Control plane */
#define ADMIN_BODY_BYTES_MAX 4096          /* {"node": "..."}; beyond it: 413 */
#define STATE_FILE_BYTES_MAX (1024 * 1024) /* a full journal and 64 nodes take some 300 KiB */
#define FETCH_BODY_BYTES_MAX (1024 * 1024) /* /usage answers are 2 KB */
#define FETCH_CONNECT_MS     5000          /* for calls without a limit of their own */
#define FETCH_HEADER_MAX     63            /* of the one wanted header's value: a version */

/* Node output */
#define EVIDENCE_POLL_MS 60000 /* a line about /usage belongs to a poll of the last minute */
#define OUTPUT_LINE_MAX  (16 * 1024)
/* Kept of each pipe of a node: a chatty one prints 10 KiB a second, and 4,000 lines at once. */
#define FLOOD_BYTES_A_SECOND (1024 * 1024)
#define FLOOD_BURST_BYTES    (1024 * 1024)
#define RING_BYTES           (256 * 1024) /* last lines of each node: hours of a quiet one */

/* Settings */
#define CONFIG_FILE_BYTES_MAX (256 * 1024) /* 64 nodes with all settings need about 100 KiB */
#define CONFIG_LINE_BYTES_MAX (16 * 1024)  /* an inline certificate is 2-8 KiB */
#define CONFIG_INCLUDES_MAX   128          /* a file for each node, and some more */
#define CONFIG_SECTIONS_MAX   256          /* 64 nodes, more that are disabled, the rest */
#define CONFIG_ENTRIES_MAX    8192         /* 64 nodes x (64 env + 16 settings) and the rest */
#define CONFIG_KEY_MAX        100  /* must fit inih's line of 200 with room for a value */
#define CONFIG_ERRORS_MAX     100  /* nobody reads more in one go; the rest is counted */
#define CONFIG_PATH_MAX       1024 /* leaves 3 KiB of PATH_MAX for what we put below it */
#define CONFIG_TOKEN_MAX      4096 /* it must fit into a request head of 16 KiB */
#define CONFIG_HOST_MAX       255  /* a DNS name in text form (RFC 1035 section 2.3.4) */

#define MULTIPLIERS_MAX       128 /* GitHub lists some 30 models */

/* Nodes' processes */
#define COMMAND_WORDS_MAX      64
#define NODE_ENV_MAX           64          /* env.NAME and pass_env entries of one node */
#define ENV_FILE_VARIABLES_MAX 64          /* and as many of one env_file */
#define ENV_FILE_BYTES_MAX     (64 * 1024) /* what PLAN_BYTES_MAX could take in */
#define IDENTITY_NAME_MAX      63          /* of a user or group; useradd(8) allows 32 */
/* Supplementary groups of a user: directories of large companies have some hundred. */
#define IDENTITY_GROUPS_MAX 1024
/* Of one node, when /metrics adds up what it takes; a wrapper and its server are two or three.
 */
#define USAGE_PROCESSES_MAX   32
#define GROUP_ENTRY_BYTES_MAX (64 * 1024) /* a group with all of its members' names */

#endif
