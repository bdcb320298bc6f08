/* launch - from the settings of a node to a process: what one start looks up and reads.
 *
 * Happy path: paths are expanded, env_file is read, core/plan makes words and environment, the
 * executable is found, spawn forks. Each of these may fail; the start then ends in a sentence
 * for /health, and the node is tried again later: a file may come, a program be installed.
 *
 * What is read here is read anew at each start, so that a restart of the node is enough after a
 * change of its env_file.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/launch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "supervisor/core/plan.h"
#include "supervisor/file_text.h"
#include "supervisor/home_seed.h"

/* What is made for one start. */
struct kit {
    struct plan plan;
    struct plan_env env[NODE_ENV_MAX];
    struct buf text; /* of the file that is being used */
    char file[HOME_PATH_MAX];
    char directory[HOME_PATH_MAX];
};

static struct kit *kit_new(struct error *ret_error)
{
    struct kit *kit = mem_alloc(1, sizeof *kit);

    if (kit == NULL)
        (void)snprintf(ret_error->text, sizeof ret_error->text, "out of memory");
    else
        buf_init(&kit->text, 0);
    return kit;
}

static void kit_free(struct kit *kit)
{
    if (kit == NULL)
        return;
    buf_done(&kit->text);
    mem_free(kit);
}

static int fail(const struct config_node *config, int result, const char *setting,
                const char *path, struct error *ret_error)
{
    (void)snprintf(ret_error->text, sizeof ret_error->text, "node %s: %s %.300s: %s",
                   config->name, setting, path, strerror(-result));
    return result;
}

/* ---------------------------------------------------------------- paths and files */

static struct plan_request request_of(const struct config_node *config, const char *state_dir)
{
    return (struct plan_request){
        .node = config->name,
        .state_dir = state_dir,
        .inherit = (const char *const *)environ,
    };
}

/* A setting that is a path, expanded. */
static int expand_path(const struct plan_request *request, const struct config_node *config,
                       const char *setting, const char *text, struct kit *kit,
                       char ret_path[HOME_PATH_MAX], struct error *ret_error)
{
    if (!plan_path(request, setting, text, &kit->plan, ret_error))
        return -EINVAL;
    const char *path = kit->plan.bytes;
    if (path[0] != '/') {
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "node %s: %s must be an absolute path, got '%.300s'", config->name,
                       setting, path);
        return -EINVAL;
    }
    size_t len = strlen(path);
    if (len >= HOME_PATH_MAX)
        return fail(config, -ENAMETOOLONG, setting, text, ret_error);
    memcpy(ret_path, path, len + 1);
    return 0;
}

/* A setting of type NODE_FILE: its path and its text. An empty text when it may be missing and
 * is. */
static int read_file(const struct config_node *config, const struct plan_request *request,
                     const char *setting, const char *text, struct kit *kit,
                     struct error *ret_error)
{
    bool may_be_missing = text[0] == '-';

    buf_clear(&kit->text);
    int r =
        expand_path(request, config, setting, text + may_be_missing, kit, kit->file, ret_error);
    if (r < 0)
        return r;
    r = file_text_read(kit->file, FILE_TEXT_PLAIN, ENV_FILE_BYTES_MAX, &kit->text);
    if (r == -ENOENT && may_be_missing)
        return 0;
    return r < 0 ? fail(config, r, setting, kit->file, ret_error) : 0;
}

/* The token is a part of kit->text, empty when the file may be missing and is. */
static int read_seed(const struct config_node *config, const struct plan_request *request,
                     struct kit *kit, struct slice *ret_token, struct error *ret_error)
{
    int r = read_file(config, request, "github_token_file", config->github_token_file, kit,
                      ret_error);

    if (r < 0)
        return r;
    *ret_token = (struct slice){"", 0};
    if (kit->text.len == 0 && config->github_token_file[0] == '-')
        return 0;
    if (kit->text.len <= HOME_SEED_BYTES_MAX &&
        home_seed_parse(buf_slice(&kit->text), ret_token))
        return 0;
    (void)snprintf(ret_error->text, sizeof ret_error->text,
                   "node %s: github_token_file %.300s must hold one token and nothing else",
                   config->name, kit->file);
    return -EINVAL;
}

int launch_path(const struct config_node *config, const char *state_dir, const char *setting,
                const char *text, char *ret_path, struct error *ret_error)
{
    struct plan_request request = request_of(config, state_dir);
    struct kit *kit = kit_new(ret_error);
    int r = kit == NULL
                ? -ENOMEM
                : expand_path(&request, config, setting, text, kit, ret_path, ret_error);

    kit_free(kit);
    return r;
}

int launch_home(const struct config_node *config, const char *state_dir, char *ret_home,
                struct error *ret_error)
{
    if (config->home != NULL)
        return launch_path(config, state_dir, "home", config->home, ret_home, ret_error);
    int len = snprintf(ret_home, HOME_PATH_MAX, "%s/nodes/%s", state_dir, config->name);
    return len < HOME_PATH_MAX ? 0
                               : fail(config, -ENAMETOOLONG, "state_dir", state_dir, ret_error);
}

/* ---------------------------------------------------------------- the plan */

static void fill_request(const struct launch *l, struct kit *kit, struct plan_request *request)
{
    static const enum plan_proxy_env proxy_env[] = {
        [CONFIG_AUTO] = PLAN_PROXY_ENV_AUTO,
        [CONFIG_YES] = PLAN_PROXY_ENV_YES,
        [CONFIG_NO] = PLAN_PROXY_ENV_NO,
    };
    const struct config_node *config = l->config;

    for (size_t i = 0; i < config->env_count; i++)
        kit->env[i] = (struct plan_env){config->env[i].name, config->env[i].value};
    request->command = config->command;
    request->account_type = config->account_type;
    request->rate_limit_s = (uint64_t)config->rate_limit_s;
    request->rate_limit_wait = config->rate_limit_wait;
    request->proxy_env = proxy_env[config->proxy_env];
    request->env = kit->env;
    request->env_count = config->env_count;
    request->env_file = config->env_file == NULL ? NULL : kit->file;
    request->env_text = buf_slice(&kit->text);
    request->address = l->address;
    request->port = l->port;
}

/* Everything up to the words and the environment. */
static int make_plan(const struct launch *l, struct kit *kit, struct error *ret_error)
{
    const struct config_node *config = l->config;
    struct plan_request request = request_of(config, l->state_dir);
    int r = 0;

    request.home = l->home;
    if (config->directory != NULL)
        r = expand_path(&request, config, "directory", config->directory, kit, kit->directory,
                        ret_error);
    else
        (void)snprintf(kit->directory, sizeof kit->directory, "%s", l->home);
    if (r == 0 && config->env_file != NULL)
        r = read_file(config, &request, "env_file", config->env_file, kit, ret_error);
    if (r < 0)
        return r;
    fill_request(l, kit, &request);
    return plan_build(&request, &kit->plan, ret_error) ? 0 : -EINVAL;
}

/* The look-up's sentence begins with the setting. */
static bool check_identity(const struct config_node *config, struct error *ret_error)
{
    struct identity identity;
    struct error error;

    if (identity_find(config->user, config->group, &identity, &error) == 0)
        return true;
    (void)snprintf(ret_error->text, sizeof ret_error->text, "node %s: %.400s", config->name,
                   error.text);
    return false;
}

static bool check_seed(const struct config_node *config, const char *state_dir,
                       const char *home, struct kit *kit, struct error *ret_error)
{
    struct plan_request request = request_of(config, state_dir);
    struct slice token;

    request.home = home;
    return config->github_token_file == NULL ||
           read_seed(config, &request, kit, &token, ret_error) == 0;
}

static bool check_logfile(const struct config_node *config, const char *state_dir,
                          struct error *ret_error)
{
    char path[HOME_PATH_MAX];

    return config->logfile == NULL ||
           launch_path(config, state_dir, "logfile", config->logfile, path, ret_error) == 0;
}

bool launch_check(const struct config_node *config, const char *state_dir,
                  struct error *ret_error)
{
    char home[HOME_PATH_MAX];
    const struct launch l = {.config = config,
                             .state_dir = state_dir,
                             .home = home,
                             .address = "127.0.0.1",
                             .port = 65535};
    struct kit *kit = kit_new(ret_error);
    bool is_good = kit != NULL && check_identity(config, ret_error) &&
                   launch_home(config, state_dir, home, ret_error) == 0 &&
                   check_logfile(config, state_dir, ret_error) &&
                   make_plan(&l, kit, ret_error) == 0 &&
                   check_seed(config, state_dir, home, kit, ret_error);

    kit_free(kit);
    return is_good;
}

/* ---------------------------------------------------------------- the login */

static void plant_seed(const struct launch *l, struct slice token)
{
    const struct config_node *config = l->config;
    const struct home_owner owner = {.uid = l->identity->uid, .gid = l->identity->gid};
    enum home_seed_result result;
    int r = home_seed_plant(l->home, config->token_file, &owner, token, &result);

    if (r < 0)
        log_error("the login of github_token_file cannot be written: %s node=%s home=%s",
                  strerror(-r), config->name, l->home);
    else if (result == HOME_SEED_PLANTED)
        log_info("the node's login was taken from github_token_file node=%s", config->name);
    else if (result == HOME_SEED_REFUSED)
        log_warn("GitHub has refused the token that github_token_file still holds, so it is "
                 "not used again; put a new one there, or log in node=%s",
                 config->name);
}

void launch_seed(const struct launch *l)
{
    const struct config_node *config = l->config;
    struct plan_request request = request_of(config, l->state_dir);
    struct error error;
    struct slice token;
    struct kit *kit;

    if (config->github_token_file == NULL)
        return;
    request.home = l->home;
    kit = kit_new(&error);
    if (kit == NULL || read_seed(config, &request, kit, &token, &error) < 0)
        log_warn("%s; the node goes on with what it has", error.text);
    else if (token.len > 0)
        plant_seed(l, token);
    kit_free(kit);
}

/* ---------------------------------------------------------------- the process */

void launch_failure(const struct launch *l, const struct spawn_failure *failure,
                    char ret_problem[REASON_MAX])
{
    const struct config_node *config = l->config;
    const char *const what[SPAWN_STAGE_COUNT] = {
        [SPAWN_STAGE_GROUPS] = l->identity->user,
        [SPAWN_STAGE_GROUP] = l->identity->group,
        [SPAWN_STAGE_USER] = l->identity->user,
        [SPAWN_STAGE_DIRECTORY] = config->directory != NULL ? config->directory : l->home,
    };
    const char *name = what[failure->stage];

    if (name == NULL)
        (void)snprintf(ret_problem, REASON_MAX, "%s: %s", spawn_stage_word(failure->stage),
                       strerror(failure->error));
    else
        (void)snprintf(ret_problem, REASON_MAX, "%s '%.70s': %s",
                       spawn_stage_word(failure->stage), name, strerror(failure->error));
}

static bool start(const struct launch *l, struct kit *kit, struct spawn_child *ret_child,
                  char ret_problem[REASON_MAX])
{
    const struct config_node *config = l->config;
    struct spawn_failure failure;
    char file[HOME_PATH_MAX];

    const char *path = plan_getenv(&kit->plan, "PATH");
    int r = spawn_resolve(kit->plan.argv[0], path, file, sizeof file);
    if (r < 0) {
        (void)snprintf(ret_problem, REASON_MAX, "exec: %.100s: %s", kit->plan.argv[0],
                       strerror(-r));
        return false;
    }
    const struct spawn_request request = {
        .file = file,
        .argv = kit->plan.argv,
        .envp = kit->plan.envp,
        .directory = kit->directory,
        .identity = l->identity,
        .umask = config->umask,
        .nice = config->nice,
        .oom_score_adj = config->oom_score_adj,
        .limit_nofile = config->limit_nofile,
        .nofile_before = l->nofile_before,
        .limit_core = config->limit_core,
    };
    if (spawn_start(&request, ret_child, &failure) < 0) {
        launch_failure(l, &failure, ret_problem);
        return false;
    }
    return true;
}

bool launch_start(const struct launch *l, struct spawn_child *ret_child,
                  char ret_problem[REASON_MAX])
{
    struct error error;
    struct kit *kit = kit_new(&error);
    bool has_started = false;

    if (kit == NULL || make_plan(l, kit, &error) < 0)
        (void)snprintf(ret_problem, REASON_MAX, "%.150s", error.text);
    else
        has_started = start(l, kit, ret_child, ret_problem);
    kit_free(kit);
    return has_started;
}
