/* walk.h - goes through JSON text that comes in pieces.
 *
 * Pure. It tells what a reader of a few keys must know: where objects, arrays and strings begin
 * and end, and the words in them as far as they fit. It checks nothing: text that is not JSON
 * yields some tokens as well, and never harm.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WALK_H
#define WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

#define WALK_WORD_MAX 96 /* names of models are the longest words that anybody asks for */

enum walk_token {
    WALK_END,    /* the bytes are used up */
    WALK_OPEN,   /* an object or an array begins; `depth` is inside it */
    WALK_CLOSE,  /* it ends; `depth` is outside again */
    WALK_KEY,    /* `word` */
    WALK_STRING, /* `word` */
    WALK_BARE,   /* a number, true, false or null: `word`. Told when what follows it comes */
};

struct walk {
    uint32_t depth;     /* 0 = outside of everything */
    uint64_t is_object; /* bit per depth below 64: that level is an object */
    bool is_in_string;
    bool is_escaped;
    bool is_in_bare;
    bool is_key;
    bool expects_key; /* the next string of this object is a key */
    bool is_cut;      /* the word is longer than what was kept, or has escapes */
    uint8_t word_len;
    char word[WALK_WORD_MAX];
};

void walk_init(struct walk *w);

/* Takes bytes off the front of `bytes` up to the end of the next token. */
enum walk_token walk_next(struct walk *w, struct slice *bytes);

/* The word of the last token; empty when it was cut. */
struct slice walk_word(const struct walk *w);

#endif
