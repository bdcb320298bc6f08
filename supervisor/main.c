/* main - the command line. Start reading here.
 *
 * A map of the source:
 *
 *   include/             the vocabulary, and the headers that cross a folder line
 *   supervisor/main.c    this file: subcommands
 *     config*.c          cluster.ini and the environment, from one settings table
 *     cluster*.c         the whole: owns nodes, proxy, signals; steps the fleet
 *     child.c            one node's process; uses launch (from settings to a process), spawn
 *                        (fork, exec), identity (whom it runs as), output (its lines), home
 *                        (its directory), address (its loopback address)
 *     record.c           what nodes print, kept: log, ring.c
 *     reaper.c           who ended, and how        relay.c    login codes for humans
 *     cli*.c             commands that ask a running one, over its control socket
 *     state.c            a small file that is always whole: what survives a restart
 *   supervisor/core/     pure: fleet and proc (the life of processes), plan (what to execute),
 *                        prompt (login codes), backoff, redact, clean
 *   proxy/proxy.c        the gateway: listener, client, exchange, upstream; driver steps the
 *                        failover engine; poller asks for quotas; admin answers /health;
 *                        report and journal tell what changed; memory is its text on disk
 *   proxy/core/          pure: failover (which node serves), framing, route, sse, outcome
 *   proxy/base/          log, memory, buffers
 *
 * Two pure state machines in a thin shell (DESIGN D1): fleet decides about processes, failover
 * about requests; everything else carries bytes and carries out.
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "buf.h"
#include "config.h"
#include "error.h"
#include "log.h"
#include "supervisor/cli.h"
#include "supervisor/cluster.h"
#include "supervisor/config_docker.h"
#include "supervisor/core/redact.h"

/* What the words after the subcommand said. */
struct options {
    const char *file;  /* -c FILE, or NULL */
    const char *print; /* check --print-..., or NULL */
};

struct command {
    const char *name;
    const char *arguments;
    const char *help;
    int (*run)(const struct options *options);
    bool takes_file;
    bool takes_print;
};

static struct cluster *running; /* for a failed assert, and nothing else */

/* In place of libc's: a failed assert must not leave nodes behind, nor abort PID 1 with a core
 * (DESIGN D1). Nodes' leaders die with us anyway, by PDEATHSIG; this ends their groups, too. */
void __assert_fail(const char *assertion, const char *file, unsigned line, const char *function)
{
    struct cluster *c = running;

    running = NULL; /* an assert in here must not come back */
    log_error("this is a bug in copilot-cluster: %s:%u: %s: %s does not hold", file, line,
              function, assertion);
    cluster_panic(c);
    _exit(EXIT_CODE_SOFTWARE);
}

static const char *get_env(const char *name)
{
    return getenv(name);
}

static void print_buf(FILE *out, const struct buf *b)
{
    if (b->len > 0)
        (void)fwrite(b->data, 1, b->len, out);
    (void)fflush(out);
}

/* Settings that are fit to run, or an exit code after all errors were told. */
static int load(const struct options *options, struct config **ret_config)
{
    struct config *config = NULL;
    struct buf messages;

    buf_init(&messages, 0);
    int r = config_load(options->file, get_env, &config, &messages);
    if (r == 0)
        r = cluster_check(config, &messages);
    print_buf(stderr, &messages);
    if (r < 0 && messages.len == 0)
        (void)fprintf(stderr, "copilot-cluster: settings cannot be read: %s\n", strerror(-r));
    buf_done(&messages);
    if (r == 0) {
        *ret_config = config;
        return EXIT_CODE_OK;
    }
    config_free(config);
    return r == -ENOMEM ? EXIT_CODE_FAILURE : EXIT_CODE_CONFIG;
}

/* The file that counts, for people. */
static const char *file_name(const struct options *options)
{
    if (options->file != NULL)
        return options->file;
    return access(CONFIG_PATH_DEFAULT, F_OK) == 0 ? CONFIG_PATH_DEFAULT
                                                  : "no file, defaults only";
}

/* One line a node: index, name, where it comes from, what it is. */
static int list_nodes(const struct config *config, const char *indent, struct buf *out)
{
    unsigned index = 0;
    int r = 0;

    for (size_t i = 0; i < config->node_count && r == 0; i++) {
        const struct config_node *n = &config->nodes[i];
        if (n->enabled)
            r = buf_printf(out, "%s%u  %-12s  %-8s  %s\n", indent, index++, n->name,
                           node_source_name(n->source),
                           n->source == NODE_SPAWNED ? n->command : n->url);
    }
    return r;
}

/* ---- run ---- */

static int show_start(const struct options *options, const struct config *config,
                      struct buf *out)
{
    struct proxy_address at;
    bool is_everywhere = false;

    int r = buf_printf(out, "copilot-cluster %s\n", CLUSTER_VERSION);
    for (unsigned i = 0; r == 0 && cluster_address(running, i, &at); i++) {
        r = buf_printf(out, "  %-10s  %s\n", i == 0 ? "clients" : "", at.url);
        is_everywhere |= at.is_everywhere;
    }
    if (r == 0 && is_everywhere)
        r = buf_printf(out, "  open to     every network of this machine\n");
    if (r == 0)
        r = buf_printf(out, "  settings    %s\n", file_name(options));
    if (r == 0 && config->node_count > 0)
        r = buf_printf(out, "  homes       %s/nodes\n  nodes       the last one is preferred\n",
                       config->supervisor.state_dir);
    if (r == 0)
        r = list_nodes(config, "              ", out);
    return r == 0 ? buf_append(out, "", 1) : r;
}

static void announce(const struct options *options, const struct config *config)
{
    struct buf text;

    buf_init(&text, 0);
    if (show_start(options, config, &text) == 0)
        log_banner(text.data);
    buf_done(&text);
    if (config->nodes_from_env)
        log_info("nodes come from COPILOT_NODES or COPILOT_NODES_URLS, those of the file are "
                 "not used ignored=%zu",
                 config->nodes_ignored);
    if (config->node_count == 0 && config_docker_is_on(config))
        log_info("no node is configured: containers with label %s are looked for at %s",
                 config->docker.label, config->docker.socket);
    else if (config->node_count == 0)
        log_warn(
            "there is no node, every request gets 503: add a section [node:first] to %s, or "
            "set COPILOT_NODES",
            options->file != NULL ? options->file : CONFIG_PATH_DEFAULT);
}

/* For a reload: the same file, read again. */
static int load_again(void *data, struct config **ret_config, struct buf *messages)
{
    const struct options *options = data;
    struct stat st;

    /* A pipe has been read to its end: nothing would be left of the settings, or we would wait
     * for somebody to write more. */
    if (options->file != NULL && stat(options->file, &st) == 0 && !S_ISREG(st.st_mode)) {
        int r =
            buf_printf(messages, "%s: only a plain file can be read again\n", options->file);
        return r < 0 ? r : -EINVAL;
    }
    return config_load(options->file, get_env, ret_config, messages);
}

static int run_cluster(const struct options *options, const struct config *config)
{
    uv_loop_t loop;
    struct error error = {""};
    int r = uv_loop_init(&loop);

    if (r < 0) {
        log_error("no event loop: %s", uv_strerror(r));
        return EXIT_CODE_FAILURE;
    }
    if (cluster_open(&loop, config, &running, &error) < 0) {
        log_error("%s", error.text);
        (void)uv_run(&loop, UV_RUN_NOWAIT); /* what was opened closes */
        (void)uv_loop_close(&loop);
        return EXIT_CODE_FAILURE;
    }
    struct options again = *options;
    cluster_set_source(running, &(struct cluster_source){load_again, &again});
    announce(options, config);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    struct cluster *ended = running;
    running = NULL;
    int status = cluster_exit_status(ended);
    cluster_free(ended);
    if (uv_loop_close(&loop) < 0)
        log_warn("the event loop still had handles at the end");
    log_info("bye");
    return status == 0 ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

static int command_run(const struct options *options)
{
    struct config *config = NULL;
    int code = load(options, &config);

    if (code != EXIT_CODE_OK)
        return code;
    log_set_level((enum log_level)config->log.level);
    log_set_json(config->log.format == CONFIG_LOG_JSON);
    log_set_filter(redact_line);
    code = run_cluster(options, config);
    config_free(config);
    return code;
}

/* ---- check ---- */

static int print_check(const struct options *options, const struct config *config,
                       struct buf *out)
{
    unsigned count = 0;

    for (size_t i = 0; i < config->node_count; i++)
        count += config->nodes[i].enabled;
    int r = buf_printf(out, "%s: ok, %u node%s\n", file_name(options), count,
                       count == 1 ? "" : "s");
    if (r == 0 && config->nodes_from_env)
        r = buf_printf(out,
                       "  from COPILOT_NODES or COPILOT_NODES_URLS; %zu of the file are not "
                       "used\n",
                       config->nodes_ignored);
    if (r == 0)
        r = list_nodes(config, "  ", out);
    if (r == 0 && config_docker_is_on(config))
        r = buf_printf(out, "  and containers with label %s, by the engine at %s%s\n",
                       config->docker.label, config->docker.socket,
                       config_docker_answers(&config->docker)
                           ? ""
                           : " (which cannot be connected to now)");
    return r;
}

static int command_check(const struct options *options)
{
    static const struct {
        const char *option;
        int (*print)(struct buf *out);
    } views[] = {
        {"--print-sample", config_print_sample},
        {"--print-table", config_print_table},
    };
    struct config *config = NULL;
    struct buf out;
    int code = EXIT_CODE_OK;
    int r = 0;

    buf_init(&out, 0);
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        if (options->print == NULL || strcmp(options->print, views[i].option) != 0)
            continue;
        r = views[i].print(&out);
        goto out;
    }
    code = load(options, &config);
    if (code == EXIT_CODE_OK)
        r = options->print == NULL ? print_check(options, config, &out)
                                   : config_print_effective(config, &out);
out:
    if (r < 0)
        code = EXIT_CODE_FAILURE;
    else
        print_buf(stdout, &out);
    buf_done(&out);
    config_free(config);
    return code;
}

/* ---- version, help ---- */

static int command_version(const struct options *options)
{
    (void)options;
    (void)printf("copilot-cluster %s (libuv %s)\n", CLUSTER_VERSION, uv_version_string());
    return EXIT_CODE_OK;
}

static int command_help(const struct options *options);

static const struct command commands[] = {
    {"run", "[-c FILE]", "start the nodes and the gateway, in the foreground", command_run,
     true, false},
    {"check", "[-c FILE] [--print-config | --print-sample | --print-table]",
     "find every mistake in the settings; or print them", command_check, true, true},
    {"version", "", "print the version", command_version, false, false},
    {"help", "", "print this", command_help, false, false},
};

static void usage(FILE *out)
{
    (void)fprintf(out, "copilot-cluster %s: several copilot-api nodes behind one endpoint\n\n",
                  CLUSTER_VERSION);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        (void)fprintf(out, "  copilot-cluster %s %s\n      %s\n", commands[i].name,
                      commands[i].arguments, commands[i].help);
    (void)fprintf(out, "\n");
    cli_usage(out);
    (void)fprintf(out, "\n  FILE is %s unless -c names another.\n", CONFIG_PATH_DEFAULT);
}

static int command_help(const struct options *options)
{
    (void)options;
    usage(stdout);
    return EXIT_CODE_OK;
}

static bool is_print_option(const char *word)
{
    return strcmp(word, "--print-config") == 0 || strcmp(word, "--print-sample") == 0 ||
           strcmp(word, "--print-table") == 0;
}

/* False after telling what was not understood. */
static bool parse(const struct command *command, int argc, char **argv,
                  struct options *ret_options)
{
    for (int i = 0; i < argc; i++) {
        if (command->takes_file && strcmp(argv[i], "-c") == 0) {
            if (++i == argc) {
                (void)fprintf(stderr, "copilot-cluster: -c needs a file\n");
                return false;
            }
            ret_options->file = argv[i];
        } else if (command->takes_print && is_print_option(argv[i])) {
            ret_options->print = argv[i];
        } else {
            (void)fprintf(stderr, "copilot-cluster %s: do not know '%s'\n", command->name,
                          argv[i]);
            return false;
        }
    }
    return true;
}

/* With 0, 1 or 2 closed, a pipe or a log file would become somebody's stdin or stderr. */
static bool keep_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options options = {NULL, NULL};
    int code;
    const char *word = argc < 2 ? "" : argv[1];

    if (!keep_standard_streams())
        return EXIT_CODE_FAILURE;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        word = "help";
    if (strcmp(word, "--version") == 0)
        word = "version";
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(word, commands[i].name) != 0)
            continue;
        if (!parse(&commands[i], argc - 2, argv + 2, &options))
            return EXIT_CODE_USAGE;
        return commands[i].run(&options);
    }
    if (cli_run(word, argc - 2, argv + 2, get_env, &code))
        return code;
    if (word[0] != '\0')
        (void)fprintf(stderr, "copilot-cluster: there is no command '%s'\n\n", word);
    usage(stderr);
    return EXIT_CODE_USAGE;
}
