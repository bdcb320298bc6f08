/* address.h - a loopback address and a port of one's own (DESIGN D11).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdint.h>

#include "error.h"

#define ADDRESS_TEXT_MAX 16 /* "127.255.255.254" and NUL */

/* A random address of 127.0.0.0/8, but not of 127.0.0.0/16, where people and scanners look.
 * Errors: those of getrandom(2). */
int address_random(char ret_text[ADDRESS_TEXT_MAX]) MUST_CHECK;

/* A port that is free there at this moment. Somebody may take it before it is used; whoever
 * uses it asks for another then. Errors: those of socket(2), bind(2). */
int address_free_port(const char *address, uint16_t *ret_port) MUST_CHECK;

#endif
