/* child - the process of one node, as the shell sees it: from the plan to its last words.
 *
 * A start takes a fresh port, so a port that somebody else took in the meantime costs one
 * restart. Everything that fails before there is a process ends in `problem`, in the words that
 * /health shows; so does the end of a process: what it died of, with what its last lines prove
 * or else with the error that it printed last, or why we ended it.
 *
 * When the process is reaped its last lines are read first, then descendants that left its
 * group are ended, then the owner is told.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/child.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "slice.h"
#include "supervisor/core/plan.h"

#define CHILD_MAGIC      0x4348494cu
#define LAST_WORDS_MS    2000 /* an error printed so shortly before the end explains it */
#define COMPLAINT_EXTRAS 40   /* "exited with status 255 ()" beside it */
#define EVIDENCE_REST_MS 100  /* nodes repeat themselves, and a broken one may without end */

static void set_problem(struct child *c, const char *format, ...) PRINTF_LIKE(2, 3);
static void set_problem(struct child *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(c->problem, sizeof c->problem, format, args);
    va_end(args);
}

static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != ' ' && text[i] != '\t')
            return false;
    }
    return true;
}

/* "ERROR  Failed to get GitHub token: fetch failed", "Error: listen EADDRINUSE ...": what a
 * node says before it gives up. The first of several counts, the later ones are less precise.
 */
static void note_complaint(struct child *c, struct slice line)
{
    static const struct slice words[] = {{"ERROR", 5}, {"[error]", 7}, {"Error:", 6}};
    uint64_t now_ms = uv_now(c->host->loop);

    line = slice_trim(line);
    if (c->complaint[0] != '\0' && now_ms - c->complaint_ms < LAST_WORDS_MS)
        return;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!slice_starts_with(line, words[i]))
            continue;
        line = slice_trim(slice_skip(line, words[i].len));
        (void)snprintf(c->complaint, sizeof c->complaint - COMPLAINT_EXTRAS, "%.*s",
                       (int)line.len, line.at);
        c->complaint_ms = now_ms;
        return;
    }
}

/* Evidence of a start that fails, or of a refresh, explains the end that follows. */
static void note_evidence(struct child *c, int stream, const char *text, size_t len)
{
    enum node_evidence evidence;
    uint64_t now_ms = uv_now(c->host->loop);

    if (!evidence_line(&c->evidence, stream, text, len, &evidence))
        return;
    if (evidence == NODE_EVIDENCE_CREDENTIALS)
        c->is_refused = true;
    if (!c->evidence.is_up || evidence == NODE_EVIDENCE_REFRESH) {
        (void)snprintf(c->complaint, sizeof c->complaint, "%s", evidence_sentence(evidence));
        c->complaint_ms = now_ms;
    }
    uint64_t *told_ms = &c->evidence_ms[evidence];
    if (*told_ms != 0 && now_ms - *told_ms < EVIDENCE_REST_MS)
        return;
    *told_ms = now_ms;
    c->host->on_evidence(c->host->data, c, evidence, c->evidence.text);
}

static void on_line(void *data, int stream, const char *text, size_t len)
{
    struct child *c = data;
    char code[sizeof c->prompt.code];

    assert(c->magic == CHILD_MAGIC);
    if (!is_blank(text, len))
        log_node_line(c->config->name, stream, text, len);
    if (stream == STDERR_FILENO)
        note_complaint(c, (struct slice){.at = text, .len = len});
    note_evidence(c, stream, text, len);
    memcpy(code, c->prompt.code, sizeof code);
    switch (prompt_line(&c->prompt, text, len)) {
    case PROMPT_CODE:
        /* Some print it twice, once for the eye and once for the clipboard. */
        if (strcmp(code, c->prompt.code) != 0)
            c->host->on_prompt(c->host->data, c);
        break;
    case PROMPT_LOGGED_IN:
        c->host->on_logged_in(c->host->data, c);
        break;
    case PROMPT_NOTHING:
        break;
    }
}

/* What to tell people about the end of the present process. */
static void explain_end(struct child *c, const struct reaper_end *end)
{
    struct spawn_failure failure;
    char words[REASON_MAX];
    bool is_fresh =
        c->complaint[0] != '\0' && uv_now(c->host->loop) - c->complaint_ms < LAST_WORDS_MS;

    reaper_end_words(end, words, sizeof words);
    if (spawn_child_failed(&c->process, &failure))
        set_problem(c, "%s: %s", spawn_stage_word(failure.stage), strerror(failure.error));
    else if (c->why[0] != '\0')
        set_problem(c, "%s", c->why);
    else if (end->code == CLD_EXITED && is_fresh)
        set_problem(c, "%.30s (%s)", words, c->complaint);
    else
        set_problem(c, "%s", words);
    log_debug("node's process was reaped node=%s pid=%d end=\"%s\"", c->config->name,
              (int)c->process.pid, words);
}

static void on_exited(void *data, const struct reaper_end *end)
{
    struct child *c = data;

    assert(c->magic == CHILD_MAGIC);
    for (int i = 0; i < 2; i++) {
        output_finish(c->outputs[i]);
        c->outputs[i] = NULL;
    }
    explain_end(c, end);
    spawn_child_close(&c->process);
    c->started_ms = 0;
    unsigned strays = reaper_end_strays(c->host->reaper, c->config->name);
    if (strays > 0)
        log_info("ended what the node had left behind node=%s processes=%u", c->config->name,
                 strays);
    c->host->on_exited(c->host->data, c);
}

static bool build_plan(const struct config_node *config, const char *state_dir,
                       const struct plan_request *place, struct plan *plan,
                       struct error *ret_error)
{
    static const enum plan_proxy_env proxy_env[] = {
        [CONFIG_AUTO] = PLAN_PROXY_ENV_AUTO,
        [CONFIG_YES] = PLAN_PROXY_ENV_YES,
        [CONFIG_NO] = PLAN_PROXY_ENV_NO,
    };
    struct plan_env env[NODE_ENV_MAX];
    struct plan_request request = *place;

    for (size_t i = 0; i < config->env_count; i++)
        env[i] = (struct plan_env){config->env[i].name, config->env[i].value};
    request.node = config->name;
    request.command = config->command;
    request.account_type = config->account_type;
    request.rate_limit_s = (uint64_t)config->rate_limit_s;
    request.proxy_env = proxy_env[config->proxy_env];
    request.env = env;
    request.env_count = config->env_count;
    request.state_dir = state_dir;
    request.inherit = (const char *const *)environ;
    return plan_build(&request, plan, ret_error);
}

bool child_check(const struct config_node *config, const char *state_dir,
                 struct error *ret_error)
{
    const struct plan_request place = {
        .address = "127.0.0.1", .port = 65535, .home = state_dir};
    struct plan *plan = mem_alloc(1, sizeof *plan);
    bool is_good = plan != NULL;

    if (is_good)
        is_good = build_plan(config, state_dir, &place, plan, ret_error);
    else
        (void)snprintf(ret_error->text, sizeof ret_error->text, "out of memory");
    mem_free(plan);
    return is_good;
}

int child_init(struct child *c, const struct child_host *host, const struct config_node *config,
               unsigned slot, struct error *ret_error)
{
    *c = (struct child){
        .magic = CHILD_MAGIC,
        .host = host,
        .config = config,
        .slot = (uint16_t)slot,
    };
    spawn_child_init(&c->process);
    int r = address_random(c->address);
    if (r < 0) {
        (void)snprintf(ret_error->text, sizeof ret_error->text, "no random numbers: %s",
                       strerror(-r));
        return r;
    }
    if (strstr(config->command, "%(port)s") == NULL)
        log_warn("command has no %%(port)s, so the node does not know its port and will not be "
                 "found node=%s",
                 config->name);
    return home_prepare(host->state_dir, config->name, c->home, ret_error);
}

/* From settings to a process; false with the problem set. */
static bool launch(struct child *c, struct plan *plan)
{
    const struct plan_request place = {.address = c->address, .port = c->port, .home = c->home};
    struct spawn_failure failure;
    struct error error;
    char file[HOME_PATH_MAX];

    if (!build_plan(c->config, c->host->state_dir, &place, plan, &error)) {
        set_problem(c, "%.150s", error.text);
        return false;
    }
    const char *path = plan_getenv(plan, "PATH");
    int r = spawn_resolve(plan->argv[0], path, file, sizeof file);
    if (r < 0) {
        set_problem(c, "exec: %.100s: %s", plan->argv[0], strerror(-r));
        return false;
    }
    const struct spawn_request request = {
        .file = file, .argv = plan->argv, .envp = plan->envp, .directory = c->home};
    if (spawn_start(&request, &c->process, &failure) < 0) {
        set_problem(c, "%s: %s", spawn_stage_word(failure.stage), strerror(failure.error));
        return false;
    }
    return true;
}

static void watch(struct child *c)
{
    for (int i = 0; i < 2; i++) {
        int fd = c->process.output_fds[i];
        c->process.output_fds[i] = -1;
        int r = output_open(c->host->loop, fd, i + 1, on_line, c, &c->outputs[i]);
        if (r < 0) {
            /* Unheard, it could wait for a login for ever. */
            c->outputs[i] = NULL;
            child_signal(c, SIGKILL, "its output could not be read: out of memory");
        }
    }
    c->reaped = (struct reaper_child){
        .pid = c->process.pid,
        .on_exited = on_exited,
        .data = c,
    };
    reaper_watch(c->host->reaper, &c->reaped);
}

bool child_start(struct child *c, uint16_t generation)
{
    struct plan *plan = mem_alloc(1, sizeof *plan);
    bool has_started = false;

    assert(c->magic == CHILD_MAGIC && !child_has_process(c));
    c->generation = generation;
    c->starts++;
    c->why[0] = '\0';
    c->complaint[0] = '\0';
    c->is_refused = false;
    memset(c->evidence_ms, 0, sizeof c->evidence_ms);
    evidence_init(&c->evidence);
    prompt_init(&c->prompt);
    int r = plan == NULL ? -ENOMEM : address_free_port(c->address, &c->port);
    if (r < 0)
        set_problem(c, "port: %s", strerror(-r));
    else
        has_started = launch(c, plan);
    mem_free(plan);
    if (!has_started)
        return false;
    c->started_ms = uv_now(c->host->loop);
    watch(c);
    return true;
}

void child_signal(struct child *c, int signum, const char *why)
{
    assert(c->magic == CHILD_MAGIC);
    if (!child_has_process(c))
        return;
    if (why != NULL)
        (void)snprintf(c->why, sizeof c->why, "%s", why);
    spawn_child_signal(&c->process, signum);
}

void child_up(struct child *c)
{
    assert(c->magic == CHILD_MAGIC);
    evidence_up(&c->evidence);
}

bool child_has_process(const struct child *c)
{
    return c->process.pid > 0;
}

bool child_has_token(const struct child *c)
{
    return home_has_token(c->home, c->config->token_file);
}

int child_set_token_aside(const struct child *c, char *ret_path)
{
    return home_set_token_aside(c->home, c->config->token_file, ret_path);
}
