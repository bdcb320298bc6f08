/* config_table - the one table of all settings, and how to find a row.
 *
 * Pure. A new setting is a field in include/config.h and a row here, in the order in which a
 * person wants to read the sample file; tests compare conf/cluster.ini with the table. Lower
 * bounds are low enough for tests in real time, upper bounds catch a wrong unit.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_table.h"

#include <signal.h>
#include <string.h>

#include "failover.h"
#include "log.h"

#define KIB            UINT64_C(1024)
#define MIB            (1024 * KIB)
#define GIB            (1024 * MIB)
#define SECOND         UINT64_C(1000)
#define MINUTE         (60 * SECOND)
#define HOUR           (60 * MINUTE)
#define DAY            (24 * HOUR)

#define LIVE           CONFIG_EFFECT_LIVE
#define RESTART_NODE   CONFIG_EFFECT_RESTART_NODE
#define RESTART_DAEMON CONFIG_EFFECT_RESTART_DAEMON

static const struct config_word bool_words[] = {
    {"yes", 1}, {"no", 0}, {"true", 1}, {"false", 0}, {"on", 1},
    {"off", 0}, {"1", 1},  {"0", 0},    {NULL, 0},
};
static const struct config_word autorestart_words[] = {
    {"true", CONFIG_AUTORESTART_TRUE},   {"unexpected", CONFIG_AUTORESTART_UNEXPECTED},
    {"false", CONFIG_AUTORESTART_FALSE}, {"yes", CONFIG_AUTORESTART_TRUE},
    {"no", CONFIG_AUTORESTART_FALSE},    {NULL, 0}};
static const struct config_word exit_on_words[] = {{"never", CONFIG_EXIT_NEVER},
                                                   {"essential", CONFIG_EXIT_ESSENTIAL},
                                                   {"all", CONFIG_EXIT_ALL},
                                                   {NULL, 0}};
static const struct config_word signal_words[] = {
    {"TERM", SIGTERM}, {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"HUP", SIGHUP},
    {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"KILL", SIGKILL}, {NULL, 0}};
static const struct config_word tristate_words[] = {
    {"auto", CONFIG_AUTO}, {"yes", CONFIG_YES}, {"no", CONFIG_NO},  {"true", CONFIG_YES},
    {"false", CONFIG_NO},  {"on", CONFIG_YES},  {"off", CONFIG_NO}, {NULL, 0},
};
static const struct config_word handoff_words[] = {
    {"drain", CONFIG_HANDOFF_DRAIN}, {"overlap", CONFIG_HANDOFF_OVERLAP}, {NULL, 0}};
/* In the order in which a failure can strike. */
static const struct config_word retry_words[] = {
    {"connect", FAILOVER_RETRY(CONNECT)},  {"reset", FAILOVER_RETRY(RESET)},
    {"timeout", FAILOVER_RETRY(TIMEOUT)},  {"401", FAILOVER_RETRY(TOKEN)},
    {"402", FAILOVER_RETRY(QUOTA)},        {"403", FAILOVER_RETRY(FORBIDDEN)},
    {"421", FAILOVER_RETRY(ACCOUNT_TYPE)}, {"429", FAILOVER_RETRY(RATE)},
    {"5xx", FAILOVER_RETRY(SERVER)},       {NULL, 0},
};
/* An answer that broke off before its first byte went out says nothing about the request, and
 * nobody has seen it: there is nothing to choose. */
#define RETRY_ALWAYS FAILOVER_RETRY(BROKEN)
#define RETRY_ALL    (FAILOVER_RETRY_DEFAULT | FAILOVER_RETRY(SERVER))
static const struct config_word failback_words[] = {
    {"manual", CONFIG_FAILBACK_MANUAL}, {"auto", CONFIG_FAILBACK_AUTO}, {NULL, 0}};
static const struct config_word client_gone_words[] = {
    {"read", CONFIG_CLIENT_GONE_READ}, {"abort", CONFIG_CLIENT_GONE_ABORT}, {NULL, 0}};
static const struct config_word exhausted_words[] = {
    {"503", 503}, {"402", 402}, {"429", 429}, {NULL, 0}};
static const struct config_word account_words[] = {
    {"individual", 0}, {"business", 1}, {"enterprise", 2}, {NULL, 0}};
/* Ours, then Fastify's, which the ancestor's LOG_LEVEL took (FACTS 6). */
static const struct config_word level_words[] = {
    {"silent", LOG_LEVEL_SILENT}, {"error", LOG_LEVEL_ERROR},
    {"warn", LOG_LEVEL_WARN},     {"info", LOG_LEVEL_INFO},
    {"debug", LOG_LEVEL_DEBUG},   {"fatal", LOG_LEVEL_ERROR},
    {"trace", LOG_LEVEL_DEBUG},   {NULL, 0},
};

static const struct config_word format_words[] = {
    {"text", CONFIG_LOG_TEXT}, {"json", CONFIG_LOG_JSON}, {NULL, 0}};
static const struct config_word access_words[] = {{"off", CONFIG_ACCESS_OFF},
                                                  {"text", CONFIG_ACCESS_TEXT},
                                                  {"json", CONFIG_ACCESS_JSON},
                                                  {NULL, 0}};

/* Most rows are one of these; the rest is written out. */
#define ROW(section_, key_, type_, effect_, offset_, default_, help_)                          \
    .section = section_, .key = key_, .type = CONFIG_TYPE_##type_, .effect = effect_,          \
    .offset = offset_, .default_text = default_, .help = help_
#define GATEWAY(key_, type_, effect_, member, default_, help_)                                 \
    ROW("gateway", key_, type_, effect_, offsetof(struct config, gateway.member), default_,    \
        help_)
#define QUOTA(key_, type_, member, default_, help_)                                            \
    ROW("quota", key_, type_, LIVE, offsetof(struct config, quota.member), default_, help_)
#define SUPERVISOR(key_, type_, effect_, member, default_, help_)                              \
    ROW("supervisor", key_, type_, effect_, offsetof(struct config, supervisor.member),        \
        default_, help_)
#define DOCKER(key_, type_, member, default_, help_)                                           \
    ROW("docker", key_, type_, RESTART_DAEMON, offsetof(struct config, docker.member),         \
        default_, help_)
#define CALLERS(key_, type_, effect_, member, default_, help_)                                 \
    ROW("access", key_, type_, effect_, offsetof(struct config, callers.member), default_,     \
        help_)
#define ANY_NODE(key_, type_, effect_, member, default_, help_)                                \
    ROW("node", key_, type_, effect_, offsetof(struct config_node, member), default_, help_)
#define SPAWNED(...)      ANY_NODE(__VA_ARGS__), .about = CONFIG_ABOUT_SPAWNED
#define EXTERNAL(...)     ANY_NODE(__VA_ARGS__), .about = CONFIG_ABOUT_EXTERNAL
#define RANGE(min_, max_) .min = min_, .max = max_

/* clang-format off */ /* rows that line up are easier to compare than rows that wrap */
const struct config_row config_table_rows[] = {
    {GATEWAY("listen", LISTEN, RESTART_DAEMON, listen, "127.0.0.1:8080",
             "ADDRESS:PORT unix:/PATH systemd; 0.0.0.0 = every interface"),
     RANGE(1, LISTENERS_MAX), .environ_names = {"PORT", "GATEWAY_PORT"}},
    {GATEWAY("retry_limit", INTEGER, LIVE, retry_limit, "3",
             "how many more nodes a refused request may try"),
     RANGE(0, 100), .environ_names = {"RETRY_LIMIT"}},
    {GATEWAY("retry_on", WORDS, LIVE, retry_mask, "connect reset timeout 401 402 403 421 429",
             "what moves a request on; also: 5xx"),
     RANGE(RETRY_ALWAYS, RETRY_ALL), .words = retry_words},
    {GATEWAY("node_wait", DURATION, LIVE, node_wait_ms, "10s",
             "a request waits this long for a node that is starting"),
     RANGE(0, 10 * MINUTE)},
    {GATEWAY("handoff", WORD, LIVE, handoff, "drain",
             "drain: never two accounts at once; overlap: switch at once"),
     .words = handoff_words},
    {GATEWAY("handoff_timeout", DURATION, LIVE, handoff_timeout_ms, "60s",
             "a switch waits this long for running answers"),
     RANGE(0, HOUR)},
    {GATEWAY("failback", WORD, LIVE, failback, "manual",
             "auto: return to a higher node that has recovered"),
     .words = failback_words},
    {GATEWAY("failback_after", DURATION, LIVE, failback_after_ms, "5m",
             "once it has been READY for so long"),
     RANGE(0, 7 * DAY)},
    {GATEWAY("on_client_gone", WORD, LIVE, on_client_gone, "read",
             "read: the node finishes its answer; abort: cut it"),
     .words = client_gone_words},
    {GATEWAY("exhausted_status", WORD, LIVE, exhausted_status, "503",
             "answer when every account has refused: 503, 402 or 429"),
     .words = exhausted_words},
    {GATEWAY("connect_timeout", DURATION, LIVE, connect_timeout_ms, "2s",
             "connecting to a node"),
     RANGE(10, MINUTE)},
    {GATEWAY("first_byte_timeout", DURATION, LIVE, first_byte_timeout_ms, "310s",
             "until an answer begins; nodes give up after 300s"),
     RANGE(100, HOUR)},
    {GATEWAY("idle_timeout", DURATION, LIVE, idle_timeout_ms, "310s",
             "silence in the middle of an answer"),
     RANGE(100, HOUR)},
    {GATEWAY("sse_keepalive", DURATION, LIVE, sse_keepalive_ms, "15s",
             "a comment when an event stream is silent; 0s = never"),
     RANGE(0, HOUR)},
    {GATEWAY("head_timeout", DURATION, LIVE, head_timeout_ms, "10s",
             "until a client has sent its request head"),
     RANGE(100, 5 * MINUTE)},
    {GATEWAY("body_timeout", DURATION, LIVE, body_timeout_ms, "60s",
             "silence in the middle of a request body"),
     RANGE(100, HOUR)},
    {GATEWAY("keepalive_timeout", DURATION, LIVE, keepalive_timeout_ms, "75s",
             "an idle client connection stays open"),
     RANGE(100, HOUR)},
    {GATEWAY("body_max", BYTES, LIVE, body_max_bytes, "64MiB",
             "the largest request body; beyond it: 413"),
     RANGE(KIB, 4 * GIB)},
    {GATEWAY("body_memory_max", BYTES, LIVE, body_memory_max_bytes, "256MiB",
             "all request bodies together; beyond it: 503"),
     RANGE(KIB, 1024 * GIB)},
    {GATEWAY("connections_max", INTEGER, LIVE, connections_max, "1024",
             "clients connected at once; others wait until one leaves"),
     RANGE(1, REQUESTS_MAX)},
    {GATEWAY("connections_per_address_max", INTEGER, LIVE, connections_per_address_max, "0",
             "of them from one address, local ones aside; 0 = no limit"),
     RANGE(0, REQUESTS_MAX)},
    {GATEWAY("queue_max", INTEGER, LIVE, queue_max, "256",
             "requests that wait for a node at once"),
     RANGE(0, REQUESTS_MAX)},

    {CALLERS("allow", CIDRS, LIVE, allow, "loopback private",
             "who may use it: ranges as 192.168.0.0/16, or all"),
     RANGE(0, CIDRS_MAX)},
    {CALLERS("control_group", GROUP, LIVE, control_group, NULL,
             "may control it by unix sockets"),
     RANGE(0, IDENTITY_NAME_MAX), .example = "0"},
    {CALLERS("hosts", HOSTS, LIVE, hosts, NULL,
             "names of this gateway in DNS"),
     .example = "copilot.example.com"},
    {CALLERS("cors_origins", ORIGINS, LIVE, cors_origins, NULL,
             "web pages that may use /v1"),
     .example = "https://chat.example.com"},
    {CALLERS("trusted_proxies", CIDRS, LIVE, trusted_proxies, NULL,
             "whose X-Forwarded-For is believed"),
     RANGE(0, CIDRS_MAX), .example = "127.0.0.1"},
    {CALLERS("open", BOOL, RESTART_DAEMON, open, "no",
             "yes: start, even if the whole world may use it"),
     .words = bool_words},
    {QUOTA("poll_interval", DURATION, poll_interval_ms, "5m",
           "between two looks at an account's quota"),
     RANGE(100, 7 * DAY), .environ_names = {"POLL_INTERVAL"}},
    {QUOTA("drained_poll_interval", DURATION, drained_poll_interval_ms, "1h",
           "the same while the quota is used up"),
     RANGE(100, 31 * DAY), .environ_names = {"DRAINED_POLL_INTERVAL"}},
    {QUOTA("offline_check_interval", DURATION, offline_check_interval_ms, "30s",
           "between two looks at a node that does not answer"),
     RANGE(100, DAY)},
    {QUOTA("rate_limit_cooldown", DURATION, rate_limit_cooldown_ms, "60s",
           "rest after a 429 that names no time"),
     RANGE(100, 7 * DAY)},
    {QUOTA("usage_timeout", DURATION, usage_timeout_ms, "10s",
           "one look at a quota"),
     RANGE(100, 5 * MINUTE)},
    {QUOTA("allow_overage", BOOL, allow_overage, "no",
           "yes: go on when only what costs extra money is left"),
     .words = bool_words},
    {QUOTA("reserve", INTEGER, reserve, "0",
           "premium requests of each account that stay untouched"),
     RANGE(0, 1000000)},

    {ROW("multipliers", "MODEL", PRICE, LIVE, offsetof(struct config, quota), NULL,
         "premium requests a turn takes, by the beginning of its model's name"),
     RANGE(0, 1000 * 1000), .example = "1"},

    {SUPERVISOR("state_dir", DIRECTORY, RESTART_DAEMON, state_dir, NULL,
                "private homes of the nodes, with their logins"),
     RANGE(1, CONFIG_PATH_MAX), .example = "/var/lib/copilot-cluster"},
    {SUPERVISOR("user", USER, RESTART_DAEMON, user, NULL,
                "becomes this user after binding, if root"),
     RANGE(0, IDENTITY_NAME_MAX), .example = "nobody"},
    {SUPERVISOR("pidfile", FILE, RESTART_DAEMON, pidfile, NULL,
                "holds the number of its process"),
     RANGE(0, CONFIG_PATH_MAX), .example = "/run/copilot-cluster.pid"},
    {SUPERVISOR("control_socket", FILE, RESTART_DAEMON, control_socket, NULL,
                "for commands; empty: control.sock in state_dir"),
     RANGE(0, LISTEN_PATH_MAX), .example = "/run/copilot.sock"},
    {SUPERVISOR("shutdown_timeout", DURATION, LIVE, shutdown_timeout_ms, "8s",
                "the whole shutdown; Docker allows 10s"),
     RANGE(0, 10 * MINUTE)},
    {SUPERVISOR("start_interval", DURATION, LIVE, start_interval_ms, "0s",
                "between the starts of two nodes"),
     RANGE(0, 10 * MINUTE)},
    {SUPERVISOR("exit_on", WORD, LIVE, exit_on, "never",
                "end when nodes stay down: never, essential, all"),
     .words = exit_on_words},

    {ROW("auth", "timeout", DURATION, LIVE, offsetof(struct config, auth.timeout_ms), "15m",
         "a login code is good this long; then a fresh one"),
     RANGE(SECOND, DAY)},

    {DOCKER("enabled", WORD, enabled, "auto",
            "auto: when no node is configured and the socket is there"),
     .words = tristate_words},
    {DOCKER("socket", SOCKET, socket, "/var/run/docker.sock",
            "of the engine: /PATH or tcp://HOST:PORT of a socket proxy"),
     .environ_names = {"DOCKER_HOST"}},
    {DOCKER("label", TOKEN, label, "copilot.node=true",
            "containers with this label are nodes"),
     RANGE(1, 255)},
    {DOCKER("port", INTEGER, port, "4141",
            "where they listen, unless label copilot.port says"),
     RANGE(1, 65535)},
    {DOCKER("network", TOKEN, network, NULL,
            "to reach them on; when empty: one that fits"),
     RANGE(0, 127), .example = "copilot"},
    {DOCKER("poll_interval", DURATION, poll_interval_ms, "60s",
            "look at the list again; changes are told by events"),
     RANGE(100, DAY)},
    {DOCKER("relay_prompts", BOOL, relay_prompts, "yes",
            "follow their logs for login codes and evidence"),
     .words = bool_words},
    {DOCKER("restart_expired", BOOL, restart_expired, "no",
            "yes: restart a container whose login code has expired"),
     .words = bool_words},

    {ROW("log", "level", WORD, LIVE, offsetof(struct config, log.level), "info",
         "silent, error, warn, info or debug"),
     .words = level_words, .environ_names = {"LOG_LEVEL"}},
    {ROW("log", "format", WORD, LIVE, offsetof(struct config, log.format), "text",
         "text for people; json: one object a line"),
     .words = format_words},
    {ROW("log", "access", WORD, RESTART_DAEMON, offsetof(struct config, log.access), "off",
         "one line a request: text, json or off"),
     .words = access_words},
    {ROW("log", "access_file", FILE, RESTART_DAEMON, offsetof(struct config, log.access_file),
         NULL, "where they go; when empty: to stderr"),
     RANGE(0, CONFIG_PATH_MAX), .example = "/var/log/copilot-access.log"},

    {ROW("include", "files", INCLUDE, LIVE, 0, NULL,
         "more files, read behind this one"),
     .example = "conf.d/*.ini"},

    {SPAWNED("command", COMMAND, RESTART_NODE, command, "copilot-api start --port %(port)s",
             "program and options, no shell"),
     RANGE(1, CONFIG_LINE_BYTES_MAX)},
    {SPAWNED("account_type", NAME, RESTART_NODE, account_type, NULL,
             "individual, business or enterprise"),
     .words = account_words, .example = "individual"},
    {SPAWNED("rate_limit", SECONDS, RESTART_NODE, rate_limit_s, "0s",
             "the node's own pause between requests; 0s = none"),
     RANGE(0, DAY)},
    {SPAWNED("rate_limit_wait", BOOL, RESTART_NODE, rate_limit_wait, "no",
             "yes: it lets requests wait instead of refusing them"),
     .words = bool_words},
    {SPAWNED("proxy_env", WORD, RESTART_NODE, proxy_env, "auto",
             "give --proxy-env; yes: ours, too; auto: if it has one"),
     .words = tristate_words},
    {SPAWNED("env.NAME", ENV, RESTART_NODE, env, NULL,
             "a variable of the node, such as env.HTTPS_PROXY"),
     .example = "value"},
    {SPAWNED("pass_env", PASS_ENV, RESTART_NODE, env, NULL,
             "variables of ours that it gets too"),
     .example = "NODE_EXTRA_CA_CERTS"},
    {SPAWNED("user", USER, RESTART_NODE, user, NULL,
             "runs as this user of the machine; needs root"),
     RANGE(0, IDENTITY_NAME_MAX), .example = "65534"},
    {SPAWNED("group", GROUP, RESTART_NODE, group, NULL,
             "and in this group; when empty: that of the user"),
     RANGE(0, IDENTITY_NAME_MAX), .example = "65534"},
    {SPAWNED("directory", NODE_PATH, RESTART_NODE, directory, NULL,
             "where it starts; when empty: in its home"),
     RANGE(0, CONFIG_PATH_MAX), .example = "/tmp"},
    {SPAWNED("home", NODE_PATH, RESTART_NODE, home, NULL,
             "its HOME; when empty: one in state_dir"),
     RANGE(0, CONFIG_PATH_MAX), .example = "/srv/copilot/%(node_name)s"},
    {SPAWNED("umask", UMASK, RESTART_NODE, umask, "077",
             "what its files are closed for, in octal")},
    {SPAWNED("nice", ADJUST, RESTART_NODE, nice, "inherit",
             "19 waits for everybody, -20 for nobody"),
     RANGE((uint64_t)INT64_C(-20), 19)},
    {SPAWNED("oom_score_adj", ADJUST, RESTART_NODE, oom_score_adj, "inherit",
             "when memory is short: 1000 dies first, -1000 never"),
     RANGE((uint64_t)INT64_C(-1000), 1000)},
    {SPAWNED("limit_nofile", LIMIT, RESTART_NODE, limit_nofile, "inherit",
             "open files and sockets"),
     RANGE(16, 1 << 30)},
    {SPAWNED("limit_core", SIZE_LIMIT, RESTART_NODE, limit_core, "0",
             "a core dump holds tokens, hence 0"),
     RANGE(0, 1024 * GIB)},
    {SPAWNED("env_file", NODE_FILE, RESTART_NODE, env_file, NULL,
             "NAME=VALUE lines; -/path: may be missing"),
     RANGE(0, CONFIG_PATH_MAX), .example = "-/etc/copilot-cluster/node.env"},
    {SPAWNED("github_token_file", NODE_FILE, RESTART_NODE, github_token_file, NULL,
             "its login, if it has none"),
     RANGE(0, CONFIG_PATH_MAX), .example = "-/run/secrets/%(node_name)s"},
    {SPAWNED("token_file", HOME_FILE, RESTART_NODE, token_file,
             ".local/share/copilot-api/github_token", "in its home"),
     RANGE(1, CONFIG_PATH_MAX)},
    {SPAWNED("logfile", NODE_PATH, LIVE, logfile, NULL,
             "what it prints; USR1 opens it again"),
     RANGE(0, CONFIG_PATH_MAX), .example = "/var/log/%(node_name)s.log"},
    {SPAWNED("logfile_maxbytes", BYTES, LIVE, logfile_bytes_max, "50MiB",
             "then it becomes .1, and so on; 0 = never"),
     RANGE(0, 1024 * GIB)},
    {SPAWNED("logfile_backups", INTEGER, LIVE, logfile_backups, "10",
             "so many are kept"),
     RANGE(0, 1000)},
    {SPAWNED("start_timeout", DURATION, LIVE, start_timeout_ms, "30s",
             "from the start to the first answer, logins aside"),
     RANGE(100, HOUR)},
    {SPAWNED("autostart", BOOL, LIVE, autostart, "yes",
             "no: it waits for `copilot-cluster start NODE`"),
     .words = bool_words},
    {SPAWNED("autorestart", WORD, LIVE, autorestart, "true",
             "also: false, unexpected (not with exitcodes)"),
     .words = autorestart_words},
    {SPAWNED("exitcodes", EXIT_CODES, LIVE, exit_codes, "0",
             "what a node may well exit with")},
    {SPAWNED("startsecs", DURATION, LIVE, startsecs_ms, "1s",
             "ends it sooner than this, then its start has failed"),
     RANGE(0, HOUR)},
    {SPAWNED("startretries", INTEGER, LIVE, startretries, "0",
             "failed starts in a row before it stays down; 0 = unlimited"),
     RANGE(0, 1000000)},
    {SPAWNED("restart_delay", DURATION, LIVE, restart_delay_ms, "1s",
             "before the first restart"),
     RANGE(0, HOUR)},
    {SPAWNED("restart_backoff", INTEGER, LIVE, restart_backoff, "2",
             "each further delay is so many times as long"),
     RANGE(1, 10)},
    {SPAWNED("restart_delay_max", DURATION, LIVE, restart_delay_max_ms, "60s",
             "and stops growing here"),
     RANGE(0, DAY)},
    {SPAWNED("restart_jitter", INTEGER, LIVE, restart_jitter, "25",
             "percent of a delay that chance may take off"),
     RANGE(0, 100)},
    {SPAWNED("restart_reset", DURATION, LIVE, restart_reset_ms, "60s",
             "up this long: the delay starts over"),
     RANGE(0, 7 * DAY)},
    {SPAWNED("stopsignal", WORD, LIVE, stop_signal, "TERM",
             "what ends it; also: INT, QUIT, HUP, USR1, USR2, KILL"),
     .words = signal_words},
    {SPAWNED("stopwaitsecs", DURATION, LIVE, stopwait_ms, "5s",
             "between that signal and KILL"),
     RANGE(0, 10 * MINUTE)},
    {SPAWNED("drain_timeout", DURATION, LIVE, drain_timeout_ms, "60s",
             "answers may end so long before a restart or stop"),
     RANGE(0, HOUR)},
    {SPAWNED("live_interval", DURATION, LIVE, live_interval_ms, "15s",
             "asks whether it lives; three misses: restart; 0s = off"),
     RANGE(0, HOUR)},
    {SPAWNED("memory_max", BYTES, LIVE, memory_max_bytes, "0B",
             "resident; beyond it: restart when idle; 0B = off"),
     RANGE(0, 1024 * GIB)},
    {SPAWNED("max_age", DURATION, LIVE, max_age_ms, "0s",
             "restart when up so long, less up to a tenth; 0s = off"),
     RANGE(0, 365 * DAY)},
    {SPAWNED("priority", INTEGER, LIVE, priority, "999",
             "lower ones start, and log in, first"),
     RANGE(0, 9999)},
    {SPAWNED("essential", BOOL, LIVE, essential, "no",
             "yes: see [supervisor] exit_on"),
     .words = bool_words},
    {ANY_NODE("enabled", BOOL, LIVE, enabled, "yes",
              "no: as if the section were not there"),
     .words = bool_words},
    {EXTERNAL("url", URL, RESTART_NODE, url, NULL,
              "a copilot-api elsewhere: used, never started"),
     .example = "http://10.0.0.5:4141"},
    {EXTERNAL("token", TOKEN, LIVE, token, NULL,
              "bearer token that goes to it"),
     RANGE(0, CONFIG_TOKEN_MAX), .example = "secret", .is_secret = true},
};
/* clang-format on */
const size_t config_table_count = sizeof config_table_rows / sizeof config_table_rows[0];

const struct config_row *config_table_find(const char *section, const char *key)
{
    for (size_t i = 0; i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        if (strcmp(row->section, section) != 0)
            continue;
        bool is_it = row->type == CONFIG_TYPE_PRICE ||
                     (row->type == CONFIG_TYPE_ENV ? strncmp(key, "env.", 4) == 0
                                                   : strcmp(row->key, key) == 0);
        if (is_it)
            return row;
    }
    return NULL;
}

bool config_table_has_section(const char *section)
{
    for (size_t i = 0; i < config_table_count; i++) {
        if (strcmp(config_table_rows[i].section, section) == 0)
            return true;
    }
    return false;
}

const char *config_table_section_of(const char *key)
{
    for (size_t i = 0; i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        if (row->type != CONFIG_TYPE_PRICE && config_table_find(row->section, key) != NULL)
            return row->section;
    }
    return NULL;
}
