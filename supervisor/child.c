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
#include "slice.h"
#include "supervisor/launch.h"
#include "supervisor/procfs.h"
#include "supervisor/stale.h"

#define CHILD_MAGIC      0x4348494cu
#define LAST_WORDS_MS    2000 /* an error printed so shortly before the end explains it */
#define COMPLAINT_EXTRAS 60   /* "exited with status 255 during its login ()" beside it */
#define EVIDENCE_REST_MS 100  /* nodes repeat themselves, and a broken one may without end */

static void set_problem(struct child *c, const char *format, ...) PRINTF_LIKE(2, 3);
static void set_problem(struct child *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(c->problem, sizeof c->problem, format, args);
    va_end(args);
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
    record_line(&c->record, stream, text, len);
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
        memcpy(c->account, c->prompt.account, sizeof c->account);
        c->host->on_logged_in(c->host->data, c);
        break;
    case PROMPT_NOTHING:
        break;
    }
}

static struct launch launch_of(const struct child *c)
{
    return (struct launch){
        .config = c->config,
        .state_dir = c->host->state_dir,
        .home = c->home,
        .identity = &c->identity,
        .address = c->address,
        .port = c->port,
        .nofile_before = c->host->nofile_before,
    };
}

/* When in its life the present process has ended. */
static const char *phase_words(const struct child *c)
{
    if (c->evidence.is_up)
        return "in service";
    return c->prompt.code[0] != '\0' && c->prompt.account[0] == '\0' ? "during its login"
                                                                     : "during its start";
}

/* What to tell people about the end of the present process. */
static void explain_end(struct child *c, const struct reaper_end *end)
{
    struct spawn_failure failure;
    char words[REASON_MAX];
    bool is_fresh =
        c->complaint[0] != '\0' && uv_now(c->host->loop) - c->complaint_ms < LAST_WORDS_MS;

    struct launch launch = launch_of(c);
    reaper_end_words(end, words, sizeof words);
    bool is_oom = end->code == CLD_KILLED && end->status == SIGKILL && c->why[0] == '\0' &&
                  oom_explains_death(c->host->oom);
    if (spawn_child_failed(&c->process, &failure))
        launch_failure(&launch, &failure, c->problem);
    else if (c->why[0] != '\0')
        set_problem(c, "%s", c->why);
    else if (end->code == CLD_EXITED && is_fresh)
        set_problem(c, "%.30s %s (%s)", words, phase_words(c), c->complaint);
    else
        set_problem(c, "%s %s%s", words, phase_words(c), is_oom ? " (out of memory)" : "");
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
    c->end = *end;
    explain_end(c, end);
    spawn_child_close(&c->process);
    c->started_ms = 0;
    stale_forget(c->host->state_dir, c->config->name);
    unsigned strays = reaper_end_strays(c->host->reaper, c->config->name);
    if (strays > 0)
        log_info("ended what the node had left behind node=%s processes=%u", c->config->name,
                 strays);
    c->host->on_exited(c->host->data, c);
}

/* Whom it runs as, and a home that is his. */
static int prepare_home(struct child *c, struct error *ret_error)
{
    const struct config_node *config = c->config;
    int r = 0;

    c->identity = (struct identity){.uid = c->host->ours.uid, .gid = c->host->ours.gid};
    if (config->user != NULL || config->group != NULL)
        r = identity_find(config->user, config->group, &c->identity, ret_error);
    if (r < 0)
        return r;
    const struct home_owner owner = {.uid = c->identity.uid, .gid = c->identity.gid};
    if (config->home == NULL) {
        r = home_prepare(c->host->state_dir, &c->host->ours, config->name, &owner, c->home,
                         ret_error);
    } else {
        r = launch_home(config, c->host->state_dir, c->home, ret_error);
        r = r < 0 ? r : home_prepare_at(c->home, &owner, ret_error);
    }
    if (r == -EPERM && owner.uid != geteuid() && geteuid() != 0)
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "node %s: only root can run it as user '%s' (%.300s: %s)", config->name,
                       c->identity.user, c->home, strerror(-r));
    return r;
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
    record_open(&c->record, host->loop, config, host->state_dir);
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
    r = prepare_home(c, ret_error);
    const struct launch launch = launch_of(c);
    if (r == 0)
        launch_seed(&launch);
    return r;
}

void child_done(struct child *c)
{
    if (c != NULL)
        record_close(&c->record);
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

void child_settings_changed(struct child *c, const struct config_node *config)
{
    assert(c->magic == CHILD_MAGIC);
    c->config = config;
    c->has_new_settings = true;
    record_reconfigure(&c->record, config);
}

bool child_start(struct child *c, uint16_t generation)
{
    struct error error;

    assert(c->magic == CHILD_MAGIC && !child_has_process(c));
    c->generation = generation;
    c->starts++;
    c->end = (struct reaper_end){0};
    c->why[0] = '\0';
    c->complaint[0] = '\0';
    c->is_refused = false;
    memset(c->evidence_ms, 0, sizeof c->evidence_ms);
    evidence_init(&c->evidence);
    prompt_init(&c->prompt);
    if (c->has_new_settings && prepare_home(c, &error) < 0) {
        set_problem(c, "%.150s", error.text);
        return false;
    }
    c->has_new_settings = false;
    int r = address_free_port(c->address, &c->port);
    if (r < 0) {
        set_problem(c, "port: %s", strerror(-r));
        return false;
    }
    const struct launch launch = launch_of(c);
    launch_seed(&launch);
    if (!launch_start(&launch, &c->process, c->problem))
        return false;
    c->started_ms = uv_now(c->host->loop);
    stale_note(c->host->state_dir, c->config->name, c->home, c->process.pid);
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

uint64_t child_resident(const struct child *c)
{
    return child_has_process(c) ? procfs_session_bytes(c->process.pid) : 0;
}

bool child_has_process(const struct child *c)
{
    return c->process.pid > 0;
}

bool child_has_token(const struct child *c)
{
    return home_has_token(c->home, c->config->token_file);
}

int child_set_token_aside(struct child *c, char *ret_path)
{
    int r = home_set_token_aside(c->home, c->config->token_file, ret_path);

    if (r == 0)
        c->account[0] = '\0';
    return r;
}
