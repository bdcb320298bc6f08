/* config_exit_codes - `exitcodes = 0 2`: a set of numbers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_exit_codes.h"

#include <errno.h>
#include <string.h>

#include "supervisor/config_text.h"

#define CODES 256 /* as many as the kernel tells apart */

int config_exit_codes_parse(const char *text, struct config_exit_codes *ret_codes,
                            struct error *ret_error)
{
    struct config_exit_codes codes = {{0}};
    static const char between[] = " \t,";

    for (const char *at = text + strspn(text, between); *at != '\0';
         at += strspn(at, between)) {
        unsigned code = 0;
        size_t digits = strspn(at, "0123456789");
        for (size_t i = 0; i < digits && code < CODES; i++)
            code = code * 10 + (unsigned)(at[i] - '0');
        at += digits;
        if (digits == 0 || code >= CODES || (*at != '\0' && strchr(between, *at) == NULL))
            return config_text_refuse(ret_error, "numbers from 0 to 255, such as 0 2", text);
        codes.bits[code / 64] |= UINT64_C(1) << code % 64;
    }
    *ret_codes = codes;
    return 0;
}

bool config_exit_codes_has(const struct config_exit_codes *codes, unsigned code)
{
    return code < CODES && (codes->bits[code / 64] >> code % 64 & 1) != 0;
}

int config_exit_codes_print(const struct config_exit_codes *codes, struct buf *out)
{
    const char *space = "";
    int r = 0;

    for (unsigned code = 0; code < CODES && r == 0; code++) {
        if (!config_exit_codes_has(codes, code))
            continue;
        r = buf_printf(out, "%s%u", space, code);
        space = " ";
    }
    return r;
}
