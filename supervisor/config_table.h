/* config_table.h - the one table of all settings.
 *
 * Every other piece of the settings code walks these rows: parsing and bounds (config_value),
 * sections (config), the environment (config_environ), sample and README (config_print).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_TABLE_H
#define CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

/* What a value looks like, and what its field is. */
enum config_type {
    CONFIG_TYPE_DURATION,   /* uint64_t ms; min and max in ms */
    CONFIG_TYPE_SECONDS,    /* int64_t s, written as a duration; min and max in ms */
    CONFIG_TYPE_BYTES,      /* uint64_t; min and max in bytes */
    CONFIG_TYPE_INTEGER,    /* int64_t */
    CONFIG_TYPE_BOOL,       /* bool, one of `words` */
    CONFIG_TYPE_WORD,       /* int64_t, one of `words` */
    CONFIG_TYPE_WORDS,      /* uint32_t, the bits of any of `words`; between the sets min, which
                               are always in it, and max */
    CONFIG_TYPE_NAME,       /* char *, one of `words` or NULL */
    CONFIG_TYPE_DIRECTORY,  /* char *, an absolute path of at most max bytes */
    CONFIG_TYPE_FILE,       /* char *, the same; or NULL */
    CONFIG_TYPE_HOME_FILE,  /* char *, a path below the node's HOME */
    CONFIG_TYPE_NODE_PATH,  /* char *, absolute, may have %(node_name)s and its like; or NULL */
    CONFIG_TYPE_NODE_FILE,  /* the same; a dash before it: the file may be missing */
    CONFIG_TYPE_USER,       /* char *, a user of this machine, by name or number; or NULL */
    CONFIG_TYPE_GROUP,      /* the same for groups */
    CONFIG_TYPE_ADJUST,     /* struct config_optional; min and max are signed */
    CONFIG_TYPE_LIMIT,      /* struct config_optional: a count, or infinity */
    CONFIG_TYPE_SIZE_LIMIT, /* the same in bytes */
    CONFIG_TYPE_UMASK,      /* struct config_optional, written in octal */
    CONFIG_TYPE_INCLUDE,    /* patterns of file names; no field: config_files has read them */
    CONFIG_TYPE_TOKEN,      /* char *, visible ASCII, goes into an HTTP header; or NULL */
    CONFIG_TYPE_SOCKET,     /* char *, of the Docker Engine: see config_docker.h */
    CONFIG_TYPE_COMMAND,    /* char *, kept with its quotes */
    CONFIG_TYPE_CIDRS,      /* struct cidr_list; max of how many */
    CONFIG_TYPE_HOSTS,      /* char *, names in lower case with single blanks; or NULL */
    CONFIG_TYPE_ORIGINS,    /* the same of scheme://host[:port] */
    CONFIG_TYPE_LISTEN,     /* struct config_listens; min and max of how many */
    CONFIG_TYPE_URL,        /* char *url, url_host and url_port of struct config_node */
    CONFIG_TYPE_EXIT_CODES, /* struct config_exit_codes */
    CONFIG_TYPE_ENV,        /* env.NAME: env[] of struct config_node */
    CONFIG_TYPE_PASS_ENV,   /* names; the same env[] */
    CONFIG_TYPE_PRICE, /* any key: a row of quota.multipliers; min and max in thousandths */
    CONFIG_TYPE_COUNT
};

/* What a reload must do before a changed value is in force. */
enum config_effect {
    CONFIG_EFFECT_LIVE,
    CONFIG_EFFECT_RESTART_NODE,
    CONFIG_EFFECT_RESTART_DAEMON,
    CONFIG_EFFECT_COUNT
};

/* Which nodes a setting of [node] is about. */
enum config_about { CONFIG_ABOUT_ANY, CONFIG_ABOUT_SPAWNED, CONFIG_ABOUT_EXTERNAL };

/* The first word with a value is the one that is printed. Lists end with a NULL word. */
struct config_word {
    const char *word;
    int64_t value;
};

struct config_row {
    const char *section; /* "node" also stands for every [node:NAME] */
    const char *key;     /* "env.NAME" stands for every env.X, "MODEL" for every key */
    enum config_type type;
    enum config_effect effect;
    size_t offset; /* in struct config_node for section "node", else in struct config */
    uint64_t min;
    uint64_t max;
    const char *default_text; /* NULL: none, or made up at run time (state_dir) */
    const char *help;         /* a short line */
    const char *example;      /* shown in the sample when there is no default */
    const struct config_word *words;
    const char *environ_names[2]; /* the first one that is set wins; bare durations are ms */
    enum config_about about;
    bool is_secret; /* masked when it is printed */
};

extern const struct config_row config_table_rows[];
extern const size_t config_table_count;

/* The row of a key, or NULL. */
const struct config_row *config_table_find(const char *section, const char *key);

/* Whether there is such a section ("node" yes, "node:x" no). */
bool config_table_has_section(const char *section);

/* The section that does have this key, or NULL. Sections that take any key are not asked. */
const char *config_table_section_of(const char *key);

#endif
