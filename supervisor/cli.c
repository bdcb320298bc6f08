/* cli - the commands that speak to a running copilot-cluster.
 *
 * Each is one or more requests to the control socket, whose path comes from the same settings
 * that the daemon reads. What the daemon refuses is told as it says it, with its hint.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cli_internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/control.h"

#define TARGET_MAX (NODE_NAME_MAX + 64)
#define LINES_MAX  1000000 /* a ring of 256 KiB has fewer */

struct command {
    const char *name;
    const char *arguments;
    const char *help;
    int (*run)(const struct cli *cli);
    enum { NODE_NONE, NODE_MAY, NODE_MUST } node;
    const char *options; /* letters of those that it takes, see options[] */
};

/* ---------------------------------------------------------------- asking */

void cli_pause(int ms)
{
    (void)poll(NULL, 0, ms);
}

const char *cli_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text == NULL ? "" : text;
}

int cli_tell_lost(const struct cli *cli, int error)
{
    if (error == -ENOENT || error == -ECONNREFUSED) {
        (void)fprintf(stderr,
                      "copilot-cluster does not run: nobody listens at %s\n"
                      "  start it:   copilot-cluster run%s%s\n"
                      "  or:         systemctl start copilot-cluster\n"
                      "  if it runs with another file or state directory, say -c FILE or "
                      "--socket PATH\n",
                      cli->socket, cli->file == NULL ? "" : " -c ",
                      cli->file == NULL ? "" : cli->file);
        return EXIT_CODE_NO_DAEMON;
    }
    if (error == -EACCES)
        (void)fprintf(stderr, "%s belongs to another user: try as that user, or as root\n",
                      cli->socket);
    else
        (void)fprintf(stderr, "copilot-cluster cannot be asked at %s: %s\n", cli->socket,
                      strerror(-error));
    return error == -EACCES ? EXIT_CODE_FAILURE : EXIT_CODE_NO_DAEMON;
}

static int tell_refusal(unsigned status, const json_t *root)
{
    const char *hint = cli_text(root, "hint");
    const char *message = cli_text(root, "message");

    if (message[0] == '\0')
        (void)fprintf(stderr, "refused with status %u\n", status);
    else
        (void)fprintf(stderr, "%s%s%s\n", message, hint[0] == '\0' ? "" : "\n  ", hint);
    return EXIT_CODE_FAILURE;
}

int cli_call(const struct cli *cli, const char *method, const char *target, const char *body,
             json_t **ret_root)
{
    struct cli_http http;
    int code = EXIT_CODE_OK;

    int r = cli_http_open(cli->socket, method, target, body, &http);
    if (r < 0)
        return cli_tell_lost(cli, r);
    r = cli_http_rest(&http);
    json_t *root = r < 0 ? NULL : json_loadb(http.input.data, http.input.len, 0, NULL);
    if (r < 0)
        code = cli_tell_lost(cli, r);
    else if (http.status >= 400 && http.status != 422)
        code = tell_refusal(http.status, root);
    else if (root == NULL)
        code = cli_tell_lost(cli, -EPROTO);
    cli_http_close(&http);
    if (code == EXIT_CODE_OK && ret_root != NULL)
        *ret_root = root;
    else
        json_decref(root);
    return code;
}

/* ---------------------------------------------------------------- small commands */

static int run_order(const struct cli *cli)
{
    char target[TARGET_MAX];
    json_t *root;

    (void)snprintf(target, sizeof target, "/admin/nodes/%s/%s", cli->node, cli->command);
    int code = cli_call(cli, "POST", target, NULL, &root);
    if (code != EXIT_CODE_OK)
        return code;
    (void)printf("%s\n", cli_text(root, "message"));
    json_decref(root);
    return EXIT_CODE_OK;
}

static int run_reset(const struct cli *cli)
{
    char body[NODE_NAME_MAX + 32];
    json_t *root;

    (void)snprintf(body, sizeof body, "{\"node\":\"%s\"}", cli->node == NULL ? "" : cli->node);
    int code = cli_call(cli, "POST", "/admin/reset-active-node",
                        cli->node == NULL ? NULL : body, &root);
    if (code != EXIT_CODE_OK)
        return code;
    bool is_done = json_is_true(json_object_get(root, "success"));
    (void)fprintf(is_done ? stdout : stderr, "%s\n", cli_text(root, "message"));
    json_decref(root);
    return is_done ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

static void print_texts(FILE *out, const json_t *root, const char *key, const char *label)
{
    const json_t *list = json_object_get(root, key);

    for (size_t i = 0; i < json_array_size(list); i++)
        (void)fprintf(out, "%-16s%s\n", i == 0 ? label : "",
                      json_string_value(json_array_get(list, i)));
}

static int run_reload(const struct cli *cli)
{
    static const struct {
        const char *key;
        const char *label;
    } lists[] = {
        {"applied", "in force"},         {"added", "added"},
        {"removed", "leaves"},           {"restarted", "starts anew"},
        {"needsRestart", "not applied"}, {"notes", "note"},
    };
    json_t *root;

    int code = cli_call(cli, "POST", "/admin/reload", NULL, &root);
    if (code != EXIT_CODE_OK)
        return code;
    bool is_done = json_is_true(json_object_get(root, "success"));
    if (!is_done)
        print_texts(stderr, root, "errors", "error");
    for (size_t i = 0; is_done && i < sizeof lists / sizeof lists[0]; i++)
        print_texts(stdout, root, lists[i].key, lists[i].label);
    if (!is_done)
        (void)fprintf(stderr, "the former settings stay in force\n");
    else if (json_array_size(json_object_get(root, "needsRestart")) > 0)
        (void)printf("what is not applied waits for a restart of copilot-cluster\n");
    else if (strcmp(cli_text(root, "message"), "nothing has changed") == 0)
        (void)printf("nothing has changed\n");
    json_decref(root);
    return is_done ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

static int run_journal(const struct cli *cli)
{
    json_t *root;
    const json_t *entry;
    size_t i;

    int code = cli_call(cli, "GET", "/admin/journal", NULL, &root);
    if (code != EXIT_CODE_OK)
        return code;
    json_array_foreach (json_object_get(root, "journal"), i, entry) {
        const char *evidence = cli_text(entry, "evidence");
        bool is_switch = strcmp(cli_text(entry, "type"), "switch") == 0;
        (void)printf("%s  %-6s  %s%s%s > %s: %s%s%s%s\n", cli_text(entry, "at"),
                     cli_text(entry, "type"), is_switch ? "" : cli_text(entry, "node"),
                     is_switch ? "" : "  ", cli_text(entry, "from"), cli_text(entry, "to"),
                     cli_text(entry, "reason"), evidence[0] == '\0' ? "" : " (", evidence,
                     evidence[0] == '\0' ? "" : ")");
    }
    json_decref(root);
    return EXIT_CODE_OK;
}

static int run_config(const struct cli *cli)
{
    json_t *root;
    const json_t *entry;
    char section[NODE_NAME_MAX + 8] = "";
    size_t i;

    int code = cli_call(cli, "GET", "/admin/config", NULL, &root);
    if (code != EXIT_CODE_OK)
        return code;
    json_array_foreach (json_object_get(root, "settings"), i, entry) {
        if (strcmp(section, cli_text(entry, "section")) != 0) {
            (void)snprintf(section, sizeof section, "%s", cli_text(entry, "section"));
            (void)printf("%s[%s]\n", i == 0 ? "" : "\n", section);
        }
        bool is_set = strcmp(cli_text(entry, "from"), "default") != 0;
        (void)printf("%s%s = %s\n", is_set ? "" : "; ", cli_text(entry, "key"),
                     cli_text(entry, "value"));
    }
    json_decref(root);
    return EXIT_CODE_OK;
}

/* ---------------------------------------------------------------- the command line */

static const struct command commands[] = {
    {"status", "[--watch] [--json]", "nodes, quotas, waiting login codes", cli_status,
     NODE_NONE, "wj"},
    {"login", "NODE", "a fresh login: shows URL and code, and waits for it", cli_login,
     NODE_MUST, ""},
    {"logs", "[-f] [-n LINES] [NODE]", "what the nodes have printed", cli_logs, NODE_MAY, "fn"},
    {"journal", "", "what happened to the nodes, and why", run_journal, NODE_NONE, ""},
    {"start", "NODE", "start it, also out of a pause", run_order, NODE_MUST, ""},
    {"stop", "NODE", "stop it, after what it is doing", run_order, NODE_MUST, ""},
    {"restart", "NODE", "start it anew, after what it is doing", run_order, NODE_MUST, ""},
    {"drain", "NODE", "no new requests for it, until enable", run_order, NODE_MUST, ""},
    {"disable", "NODE", "stop it, and let nothing start it but enable", run_order, NODE_MUST,
     ""},
    {"enable", "NODE", "take drain and disable back", run_order, NODE_MUST, ""},
    {"reset", "[NODE]", "make it the active one, or the highest that is ready", run_reset,
     NODE_MAY, ""},
    {"reload", "", "read the settings again", run_reload, NODE_NONE, ""},
    {"config", "", "the settings in force; a default has ; before it", run_config, NODE_NONE,
     ""},
};

void cli_usage(FILE *out)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        (void)fprintf(out, "  copilot-cluster %s%s%s\n      %s\n", commands[i].name,
                      commands[i].arguments[0] == '\0' ? "" : " ", commands[i].arguments,
                      commands[i].help);
}

static void help(const struct command *command)
{
    (void)printf("copilot-cluster %s%s%s [-c FILE] [--socket PATH]\n    %s\n\n", command->name,
                 command->arguments[0] == '\0' ? "" : " ", command->arguments, command->help);
    (void)printf("  -c FILE        the file that the daemon runs with; it names the socket\n"
                 "  --socket PATH  the daemon's control socket\n\n"
                 "Exit: 0 done, 1 refused or failed, 2 not understood, 69 no daemon, 78 the "
                 "file has errors.\n");
}

static int misuse(const struct command *command, const char *what, const char *word)
{
    (void)fprintf(stderr, "copilot-cluster %s: %s%s%s%s\n  copilot-cluster %s %s\n",
                  command->name, what, word == NULL ? "" : " '", word == NULL ? "" : word,
                  word == NULL ? "" : "'", command->name, command->arguments);
    return EXIT_CODE_USAGE;
}

static bool takes(const struct command *command, char letter)
{
    return strchr(command->options, letter) != NULL;
}

/* One word; *i moves on when it takes the next one as well. */
static int read_word(const struct command *command, struct cli *cli, int argc, char **argv,
                     int *i)
{
    const char *word = argv[*i];
    bool has_value = strcmp(word, "-c") == 0 || strcmp(word, "--socket") == 0 ||
                     (strcmp(word, "-n") == 0 && takes(command, 'n'));

    if (has_value && *i + 1 == argc)
        return misuse(command, "a value is missing after", word);
    const char *value = has_value ? argv[++*i] : "";
    uint64_t lines = 0;
    if (strcmp(word, "-c") == 0)
        cli->file = value;
    else if (strcmp(word, "--socket") == 0)
        (void)snprintf(cli->socket, sizeof cli->socket, "%s", value);
    else if (has_value && !slice_to_u64(slice_of(value), LINES_MAX, &lines))
        return misuse(command, "-n wants a number of lines, not", value);
    else if (has_value)
        cli->lines = (unsigned)lines;
    else if (strcmp(word, "--watch") == 0 && takes(command, 'w'))
        cli->is_watch = true;
    else if (strcmp(word, "--json") == 0 && takes(command, 'j'))
        cli->is_json = true;
    else if (strcmp(word, "-f") == 0 && takes(command, 'f'))
        cli->is_follow = true;
    else if (word[0] == '-' || command->node == NODE_NONE || cli->node != NULL)
        return misuse(command, "do not know", word);
    else if (strlen(word) > NODE_NAME_MAX || strpbrk(word, "/?#% \"\\") != NULL)
        return misuse(command, "no node has the name", word);
    else
        cli->node = word;
    return EXIT_CODE_OK;
}

/* Where the daemon listens, as its settings say. */
static int find_socket(struct cli *cli, config_getenv env)
{
    struct config *config = NULL;
    struct buf messages;

    if (cli->socket[0] != '\0')
        return EXIT_CODE_OK;
    buf_init(&messages, 0);
    int r = config_load(cli->file, env, &config, &messages);
    if (r == 0)
        r = control_path(config, cli->socket);
    if (r < 0)
        (void)fprintf(stderr,
                      "%.*sthe control socket is named by the settings, which cannot be used; "
                      "--socket PATH names it, too\n",
                      (int)messages.len, messages.len == 0 ? "" : messages.data);
    buf_done(&messages);
    config_free(config);
    return r < 0 ? EXIT_CODE_CONFIG : EXIT_CODE_OK;
}

static int run(const struct command *command, int argc, char **argv, config_getenv env)
{
    const char *no_color = env("NO_COLOR");
    struct cli cli = {.command = command->name, .lines = 100};
    int code = EXIT_CODE_OK;

    cli.is_color = isatty(STDOUT_FILENO) == 1 && (no_color == NULL || no_color[0] == '\0');
    for (int i = 0; i < argc && code == EXIT_CODE_OK; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help(command);
            return EXIT_CODE_OK;
        }
        code = read_word(command, &cli, argc, argv, &i);
    }
    if (code == EXIT_CODE_OK && command->node == NODE_MUST && cli.node == NULL)
        code = misuse(command, "which node?", NULL);
    if (code == EXIT_CODE_OK)
        code = find_socket(&cli, env);
    return code == EXIT_CODE_OK ? command->run(&cli) : code;
}

bool cli_run(const char *word, int argc, char **argv, config_getenv env, int *ret_code)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(word, commands[i].name) != 0)
            continue;
        *ret_code = run(&commands[i], argc, argv, env);
        return true;
    }
    return false;
}
