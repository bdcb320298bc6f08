/* cluster_stage.h - for the tests of the composition: real processes, a played proxy and
 * fetches.
 *
 * The functions of proxy.h and fetch.h below take the place of the library's at link time. The
 * proxy writes down what it is told, one word group a call; nodes are small shell scripts.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_STAGE_H
#define CLUSTER_STAGE_H

#include "supervisor/cluster.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka needs four of the above */
#include <cmocka.h>

#include "fetch.h"
#include "log.h"
#include "mem.h"
#include "proxy.h"

#define PATIENCE_MS 20000

static uv_loop_t loop;
static struct config config;
static struct cluster *cluster;
static char base[64];

/* ---- the played proxy ---- */

struct proxy {
    uv_timer_t closing;
    struct proxy_host host;
};

static struct proxy proxy;
static char told[4096];
static unsigned busy;
static bool is_drained;
static int open_result;

static void tell(const char *format, ...) PRINTF_LIKE(1, 2);
static void tell(const char *format, ...)
{
    size_t used = strlen(told);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(told + used, sizeof told - used, format, args);
    va_end(args);
}

int proxy_open(uv_loop_t *l, const struct config *c, const struct proxy_host *host,
               struct proxy **ret_proxy, struct error *ret_error)
{
    (void)c;
    if (open_result < 0) {
        (void)snprintf(ret_error->text, sizeof ret_error->text, "port is taken");
        return open_result;
    }
    proxy.host = *host;
    (void)uv_timer_init(l, &proxy.closing);
    *ret_proxy = &proxy;
    return 0;
}

bool proxy_address(const struct proxy *p, unsigned i, struct proxy_address *ret_address)
{
    (void)p;
    *ret_address = (struct proxy_address){.url = "http://127.0.0.1:8080/v1"};
    return i == 0;
}

void proxy_node_added(struct proxy *p, unsigned slot, const char *name, enum node_source source,
                      const char *token)
{
    (void)p;
    (void)token;
    tell("added %u %s %s; ", slot, name, node_source_name(source));
}

void proxy_node_up(struct proxy *p, unsigned slot, const char *address, uint16_t port)
{
    (void)p;
    assert_true(port > 0);
    tell("up %u %.4s; ", slot, address);
}

void proxy_node_down(struct proxy *p, unsigned slot, enum proxy_down kind, uint64_t retry_in_ms,
                     const char *reason)
{
    static const char *const words[] = {"starting", "login", "backoff", "stopped"};

    (void)p;
    assert_true((kind == PROXY_DOWN_BACKOFF) == (retry_in_ms > 0));
    tell("%s %u (%s); ", words[kind], slot, reason == NULL ? "" : reason);
}

void proxy_node_hold(struct proxy *p, unsigned slot, enum proxy_hold hold)
{
    static const char *const words[] = {"none", "keep", "restart", "stop"};

    (void)p;
    tell("hold %u %s; ", slot, words[hold]);
}

static unsigned node_busy;

unsigned proxy_node_busy(const struct proxy *p, unsigned slot)
{
    (void)p;
    (void)slot;
    return node_busy;
}

void proxy_reconfigure(struct proxy *p, const struct config *c)
{
    (void)p;
    (void)c;
    tell("reconfigured; ");
}

void proxy_nodes_ordered(struct proxy *p, const unsigned *slots, unsigned count)
{
    (void)p;
    tell("order");
    for (unsigned i = 0; i < count; i++)
        tell(" %u", slots[i]);
    tell("; ");
}

void proxy_node_token(struct proxy *p, unsigned slot, const char *token)
{
    (void)p;
    tell("token %u %s; ", slot, token == NULL ? "none" : token);
}

void proxy_node_removed(struct proxy *p, unsigned slot)
{
    (void)p;
    tell("removed %u; ", slot);
}

bool proxy_node_is_free(const struct proxy *p, unsigned slot)
{
    (void)p;
    (void)slot;
    return true;
}

bool proxy_node_is_active(const struct proxy *p, unsigned slot)
{
    (void)p;
    return slot == 0;
}

void proxy_node_login(struct proxy *p, unsigned slot, const char *what)
{
    (void)p;
    (void)slot;
    (void)what;
}

void proxy_node_evidence(struct proxy *p, unsigned slot, enum node_evidence evidence,
                         const char *line)
{
    (void)p;
    tell("evidence %u %s (%s); ", slot, node_evidence_name(evidence), line);
}

void proxy_reopen_logs(struct proxy *p)
{
    (void)p;
    tell("reopen logs; ");
}

void proxy_drain(struct proxy *p)
{
    (void)p;
    is_drained = true;
    tell("drain; ");
}

unsigned proxy_busy(const struct proxy *p)
{
    (void)p;
    return busy;
}

/* What the proxy would remember is all that it was told so far. */
int proxy_remember(const struct proxy *p, struct buf *out)
{
    (void)p;
    return buf_append_slice(out, slice_of(told));
}

static char recalled[256];
static int recall_result;

int proxy_recall(struct proxy *p, struct slice json)
{
    (void)p;
    (void)snprintf(recalled, sizeof recalled, "%.*s", (int)json.len, json.at);
    tell("recalled; ");
    return recall_result;
}

int64_t proxy_memory_version(struct slice json)
{
    (void)json;
    return 7;
}

static void on_proxy_closed(uv_handle_t *handle)
{
    (void)handle;
    proxy.host.closed(proxy.host.host);
}

void proxy_close(struct proxy *p)
{
    tell("close; ");
    uv_close((uv_handle_t *)&p->closing, on_proxy_closed);
}

/* ---- the played fetches ---- */

struct fetch {
    uv_timer_t timer;
    fetch_done done;
    void *data;
};

struct fetch_pool {
    uv_timer_t closing;
    void (*on_closed)(void *data);
    void *data;
};

static struct fetch_pool pool;
static unsigned open_fetches;
static bool do_nodes_answer;
static char ready_file[128]; /* nodes answer once it is there; "" = at once */

int fetch_pool_new(uv_loop_t *l, struct fetch_pool **ret_pool)
{
    (void)uv_timer_init(l, &pool.closing);
    *ret_pool = &pool;
    return 0;
}

static void on_pool_handle_closed(uv_handle_t *handle)
{
    (void)handle;
    pool.on_closed(pool.data);
}

void fetch_pool_close(struct fetch_pool *p, void (*on_closed)(void *data), void *data)
{
    p->on_closed = on_closed;
    p->data = data;
    uv_close((uv_handle_t *)&p->closing, on_pool_handle_closed);
}

static void on_fetch_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
    open_fetches--;
}

static void on_fetch_timer(uv_timer_t *timer)
{
    struct fetch *f = timer->data;
    bool is_ready = ready_file[0] == '\0' || access(ready_file, F_OK) == 0;
    struct fetch_result result = {
        .error = do_nodes_answer && is_ready ? 0 : -ECONNREFUSED,
        .status = 200,
    };

    f->done(f->data, &result);
    uv_close((uv_handle_t *)timer, on_fetch_closed);
}

int fetch_start(struct fetch_pool *p, const struct fetch_request *request, fetch_done done,
                void *data, struct fetch **ret_fetch)
{
    struct fetch *f = mem_alloc(1, sizeof *f);

    (void)p;
    assert_non_null(f);
    assert_memory_equal(request->url, "http://127.", 11);
    f->done = done;
    f->data = data;
    (void)uv_timer_init(&loop, &f->timer);
    f->timer.data = f;
    (void)uv_timer_start(&f->timer, on_fetch_timer, 1, 0);
    open_fetches++;
    *ret_fetch = f;
    return 0;
}

void fetch_cancel(struct fetch *f)
{
    uv_close((uv_handle_t *)&f->timer, on_fetch_closed);
}

/* ---- settings, the loop, the end ---- */

static int setup(void **state)
{
    static char state_dir[128];

    (void)state;
    log_set_level(LOG_LEVEL_SILENT);
    (void)snprintf(base, sizeof base, "/tmp/test_cluster.XXXXXX");
    if (mkdtemp(base) == NULL)
        return -1;
    (void)snprintf(state_dir, sizeof state_dir, "%s/state", base);
    config = (struct config){
        .supervisor = {.state_dir = state_dir, .shutdown_timeout_ms = 8000},
        .auth.timeout_ms = 60000,
    };
    told[0] = '\0';
    busy = 0;
    is_drained = false;
    open_result = 0;
    recalled[0] = '\0';
    recall_result = 0;
    do_nodes_answer = true;
    ready_file[0] = '\0';
    cluster = NULL;
    return uv_loop_init(&loop);
}

/* A spawned node; with a token it need not log in. */
static inline void add_node(const char *name, char *command, bool has_token)
{
    static char token_file[] = "token";
    struct config_node *n = &config.nodes[config.node_count++];
    char path[256];

    *n = (struct config_node){
        .enabled = true,
        .command = command,
        .token_file = token_file,
        .start_timeout_ms = 10000,
        .restart_delay_ms = 20,
        .restart_delay_max_ms = 40,
        .restart_reset_ms = 60000,
        .stopwait_ms = 5000,
        .drain_timeout_ms = 5000,
        .restart_backoff = 2,
        .restart_jitter = 25,
        .autostart = true,
        .stop_signal = SIGTERM,
    };
    (void)snprintf(n->name, sizeof n->name, "%s", name);
    if (!has_token)
        return;
    int len = snprintf(path, sizeof path, "%s/state", base);
    (void)mkdir(path, 0700);
    len += snprintf(path + len, sizeof path - (size_t)len, "/nodes");
    (void)mkdir(path, 0700);
    len += snprintf(path + len, sizeof path - (size_t)len, "/%s", name);
    (void)mkdir(path, 0700);
    (void)snprintf(path + len, sizeof path - (size_t)len, "/token");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs("ghu_x", f);
    (void)fclose(f);
}

static inline void open_cluster(void)
{
    struct error error = {""};

    if (cluster_open(&loop, &config, &cluster, &error) < 0)
        fail_msg("%s", error.text);
}

static void on_patience_ended(uv_timer_t *timer)
{
    (void)timer;
    print_error("told so far: %s\n", told);
    abort();
}

static bool is_closed;

/* Runs the loop until `condition`, or with NULL until the end. */
static void run_while_not(bool (*condition)(const void *), const void *argument)
{
    uv_timer_t patience;

    (void)uv_timer_init(&loop, &patience);
    (void)uv_timer_start(&patience, on_patience_ended, PATIENCE_MS, 0);
    uv_unref((uv_handle_t *)&patience);
    is_closed = false;
    while (!is_closed && (condition == NULL || !condition(argument)))
        is_closed = uv_run(&loop, UV_RUN_ONCE) == 0;
    bool is_met = condition == NULL || condition(argument);
    uv_close((uv_handle_t *)&patience, NULL);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    assert_true(is_met);
}

static bool is_told(const void *words)
{
    return strstr(told, words) != NULL;
}

static inline void run_until(const char *words)
{
    run_while_not(words == NULL ? NULL : is_told, words);
}

/* Node 0 is in this state, as /health would say it. */
static inline bool is_in_state(const void *word)
{
    struct proxy_process_view view;

    return proxy.host.node_process(proxy.host.host, 0, &view) && strcmp(view.state, word) == 0;
}

static inline void stop(int signum)
{
    assert_int_equal(raise(signum), 0);
    run_until(NULL);
    assert_true(is_closed);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    cluster_free(cluster);
    (void)nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(open_fetches, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left behind */
    assert_int_equal(errno, ECHILD);
    return uv_loop_close(&loop);
}

static inline pid_t pid_of(unsigned slot)
{
    struct proxy_process_view view;

    assert_true(proxy.host.node_process(proxy.host.host, slot, &view));
    return (pid_t)view.pid;
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
