/* test_scenarios - tells every story in tests/unit/scenarios/ to the failover engine.
 *
 * Each `story NAME` in a .txt file becomes one test with that name. The language is in story.h.
 * Another directory or a single file may be given as argument.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "story.h"

#define STORIES_MAX 512
#define DIRECTORY   "tests/unit/scenarios"

struct tale {
    const char *file;
    unsigned line;
    char *name;
    char *text;
};

static struct tale tales[STORIES_MAX];
static struct CMUnitTest tests[STORIES_MAX];
static size_t count;

static void a_story_holds(void **state)
{
    const struct tale *t = *state;

    assert_true(story_play(t->file, t->line, t->text));
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    static const size_t size = 1 << 20;
    char *text = calloc(1, size);

    if (file == NULL || text == NULL || fread(text, 1, size - 1, file) == 0) {
        perror(path);
        exit(1);
    }
    (void)fclose(file);
    return text;
}

/* Cuts a file at its `story` lines. */
static void add_stories(const char *path)
{
    char *line = read_file(path);
    unsigned number = 0;

    while (line != NULL) {
        char *next = strchr(line, '\n');
        number++;
        if (next != NULL)
            next++;
        if (strncmp(line, "story ", 6) == 0) {
            if (count == STORIES_MAX || next == NULL)
                abort();
            next[-1] = '\0';
            if (number > 1)
                line[-1] = '\0'; /* the end of the one before */
            tales[count] = (struct tale){path, number + 1, line + 6, next};
            tests[count] = (struct CMUnitTest){
                .name = line + 6, .test_func = a_story_holds, .initial_state = &tales[count]};
            count++;
        }
        line = next;
    }
}

int main(int argc, char **argv)
{
    glob_t found;

    if (argc > 1)
        (void)glob(argv[1], 0, NULL, &found);
    if (argc == 1 && glob(DIRECTORY "/*.txt", 0, NULL, &found) != 0) {
        fprintf(stderr, "test_scenarios: no stories in %s\n", DIRECTORY);
        return 1;
    }
    for (size_t i = 0; i < found.gl_pathc; i++)
        add_stories(found.gl_pathv[i]);
    return _cmocka_run_group_tests("scenarios", tests, count, NULL, NULL);
}
