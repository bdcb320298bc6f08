/* config.h - what the INI file and the environment ask for, checked and complete.
 *
 * Made by supervisor/config.c from the settings table (supervisor/config_table.c), read by
 * everybody, changed by nobody. All strings are owned by the struct; durations are in
 * milliseconds and sizes in bytes, whatever unit the file used.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "buf.h"
#include "cidr.h"
#include "error.h"
#include "node.h"
#include "price.h"

enum config_failback { CONFIG_FAILBACK_MANUAL, CONFIG_FAILBACK_AUTO };
enum config_handoff { CONFIG_HANDOFF_DRAIN, CONFIG_HANDOFF_OVERLAP };
enum config_client_gone { CONFIG_CLIENT_GONE_READ, CONFIG_CLIENT_GONE_ABORT };
enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };
enum config_access { CONFIG_ACCESS_OFF, CONFIG_ACCESS_TEXT, CONFIG_ACCESS_JSON };
enum config_autorestart {
    CONFIG_AUTORESTART_TRUE,
    CONFIG_AUTORESTART_UNEXPECTED,
    CONFIG_AUTORESTART_FALSE,
};
enum config_exit_on { CONFIG_EXIT_NEVER, CONFIG_EXIT_ESSENTIAL, CONFIG_EXIT_ALL };
enum config_tristate { CONFIG_AUTO, CONFIG_YES, CONFIG_NO };

/* [gateway] listen, one of its addresses. */
enum config_listen_kind {
    CONFIG_LISTEN_TCP,
    CONFIG_LISTEN_UNIX,
    CONFIG_LISTEN_SYSTEMD, /* what systemd hands over: as many as it likes */
};

struct config_listen {
    enum config_listen_kind kind;
    char host[LISTEN_PATH_MAX + 1]; /* an IP literal (no brackets), or the path of a socket */
    uint16_t port;                  /* 0 lets the kernel choose */
};

/* In the order of the file; never empty. */
struct config_listens {
    struct config_listen at[LISTENERS_MAX];
    size_t count;
};

struct config_gateway {
    struct config_listens listen;
    int64_t retry_limit;
    uint32_t retry_mask; /* retry_on: FAILOVER_RETRY() bits */
    uint64_t node_wait_ms;
    int64_t handoff; /* enum config_handoff */
    uint64_t handoff_timeout_ms;
    int64_t failback; /* enum config_failback */
    uint64_t failback_after_ms;
    int64_t on_client_gone;   /* enum config_client_gone */
    int64_t exhausted_status; /* 503, 402 or 429 */
    uint64_t connect_timeout_ms;
    uint64_t first_byte_timeout_ms;
    uint64_t idle_timeout_ms;
    uint64_t sse_keepalive_ms; /* 0 = none */
    uint64_t head_timeout_ms;
    uint64_t body_timeout_ms;
    uint64_t keepalive_timeout_ms;
    uint64_t body_max_bytes;
    uint64_t body_memory_max_bytes;
    int64_t connections_max;
    int64_t connections_per_address_max; /* 0 = no limit */
    int64_t queue_max;
};

struct config_quota {
    uint64_t poll_interval_ms;
    uint64_t drained_poll_interval_ms;
    uint64_t offline_check_interval_ms;
    uint64_t rate_limit_cooldown_ms;
    uint64_t usage_timeout_ms;
    bool allow_overage;
    int64_t reserve; /* premium requests (or credits) of each account that stay untouched */
    struct price multipliers[MULTIPLIERS_MAX]; /* the shipped ones, as the file changed them */
    size_t multiplier_count;
};

struct config_supervisor {
    char *state_dir;      /* absolute */
    char *user;           /* that we become after binding; NULL = stay what we are */
    char *pidfile;        /* absolute, or NULL */
    char *control_socket; /* absolute; NULL = control.sock in the state directory */
    uint64_t shutdown_timeout_ms;
    uint64_t start_interval_ms; /* between two starts of nodes */
    int64_t exit_on;            /* enum config_exit_on */
};

struct config_auth {
    uint64_t timeout_ms; /* how long a device code is good for */
};

struct config_docker {
    int64_t enabled; /* enum config_tristate */
    char *socket;    /* absolute path, or "http://host:port"; NULL = no engine */
    char *label;     /* KEY or KEY=VALUE */
    int64_t port;
    char *network; /* or NULL */
    uint64_t poll_interval_ms;
    bool relay_prompts;
    bool restart_expired;
};

struct config_log {
    int64_t level;     /* enum log_level */
    int64_t format;    /* enum config_log_format */
    int64_t access;    /* enum config_access */
    char *access_file; /* absolute; NULL = stderr */
};

/* [access]: who may ask for what. Names and origins are in lower case with single blanks
 * between them; NULL = none. */
struct config_callers {
    struct cidr_list allow; /* addresses that may use the gateway */
    struct cidr_list trusted_proxies;
    char *hosts;
    char *cors_origins;
    char *api_keys_file;    /* absolute; NULL = any credential is taken and dropped */
    char *admin_token_file; /* absolute; NULL = no token */
    char *control_group;    /* a name or number that exists; NULL = nobody but our user */
    bool open;              /* do not refuse to start open to the world */
};

/* A number that may also be left as the process that starts us has it. */
struct config_optional {
    bool is_set;   /* false: "inherit" */
    int64_t value; /* CONFIG_INFINITY: no limit */
};
#define CONFIG_INFINITY INT64_MAX

/* env.NAME = VALUE, or a name of pass_env with value NULL ("take ours, if set"). */
struct config_env {
    char *name;
    char *value;
};

/* A set of exit codes, a bit each. */
struct config_exit_codes {
    uint64_t bits[4];
};

/* A [node:NAME] section over the defaults of [node]. Entries of env are unique by name: what
 * the section says replaces what [node] says, and env.NAME beats pass_env. */
struct config_node {
    char name[NODE_NAME_MAX + 1];
    bool enabled;
    enum node_source source; /* NODE_EXTERNAL when url is set */
    char *url;               /* "http://host:port", no path, no trailing slash; or NULL */
    char *url_host;          /* the host of url, IPv6 without brackets; or NULL */
    uint16_t url_port;       /* the port of url, 80 when it gave none; or 0 */
    char *token;             /* sent to an external node as a bearer token; or NULL */
    char *command;           /* one line; split and expanded by supervisor/core/plan; NULL for
                                external nodes, as are account_type and env */
    char *account_type;      /* NULL or individual, business, enterprise */
    char *user;              /* a name or number that exists; NULL = ours */
    char *group;             /* the same; NULL = that of the user */
    char *directory;         /* where it starts; NULL = its HOME; may have %(...)s, like home,
                                env_file and github_token_file */
    char *home;              /* its HOME; NULL = state_dir/nodes/NAME */
    char *env_file;          /* with - before it: may be missing; or NULL */
    struct config_optional umask;
    struct config_optional nice;
    struct config_optional oom_score_adj;
    struct config_optional limit_nofile;
    struct config_optional limit_core;
    int64_t rate_limit_s; /* 0 = not given */
    bool rate_limit_wait;
    int64_t proxy_env;          /* enum config_tristate */
    char *github_token_file;    /* its login, unless it has one; as env_file; or NULL */
    char *token_file;           /* relative to the node's HOME */
    char *logfile;              /* what it prints; may have %(...)s; or NULL */
    uint64_t logfile_bytes_max; /* 0 = never rotated */
    int64_t logfile_backups;
    uint64_t start_timeout_ms;
    bool autostart;
    int64_t autorestart; /* enum config_autorestart */
    struct config_exit_codes exit_codes;
    uint64_t startsecs_ms;
    int64_t startretries; /* 0 = unlimited */
    uint64_t restart_delay_ms;
    int64_t restart_backoff;
    int64_t restart_jitter; /* percent */
    uint64_t restart_delay_max_ms;
    uint64_t restart_reset_ms;
    int64_t stop_signal;
    uint64_t stopwait_ms;
    uint64_t drain_timeout_ms;
    uint64_t live_interval_ms; /* 0 = never asked */
    uint64_t memory_max_bytes; /* 0 = any */
    uint64_t max_age_ms;       /* 0 = any */
    int64_t priority;
    bool essential;
    struct config_env env[NODE_ENV_MAX];
    size_t env_count;
};

struct config {
    struct config_gateway gateway;
    struct config_quota quota;
    struct config_supervisor supervisor;
    struct config_auth auth;
    struct config_docker docker;
    struct config_log log;
    struct config_callers callers;
    struct config_node nodes[NODES_MAX]; /* index 0 first; the highest index is preferred */
    size_t node_count;
    bool nodes_from_env;  /* COPILOT_NODES or COPILOT_NODES_URLS gave the list */
    size_t nodes_ignored; /* how many of the file's nodes that put aside */
};

/* Where config_load() takes the environment from: main passes getenv, tests a table. */
typedef const char *(*config_getenv)(const char *name);

/* The file that is read when nobody names one; it may be missing. */
#define CONFIG_PATH_DEFAULT "/etc/copilot-cluster/cluster.ini"

/* Reads `path` (NULL: the default /etc/copilot-cluster/cluster.ini, whose absence is fine),
 * then applies the environment. On success `*ret_config` is a heap object for config_free().
 *
 * Errors: -EINVAL when the file or the environment is wrong: `messages` then holds one line an
 * error, all of them in the order of the file, each "file:line: [section] key what is wrong".
 * -ENOENT when a named file is missing, -EACCES ... when it cannot be read (with a line in
 * messages), -ENOMEM.
 */
int config_load(const char *path, config_getenv env, struct config **ret_config,
                struct buf *messages) MUST_CHECK;

/* Accepts NULL. */
void config_free(struct config *c);

/* The commented sample file (conf/cluster.ini), the README's table, the effective settings:
 * three views of the settings table. -ENOMEM. */
int config_print_sample(struct buf *out) MUST_CHECK;
int config_print_table(struct buf *out) MUST_CHECK;
int config_print_effective(const struct config *c, struct buf *out) MUST_CHECK;

#endif
