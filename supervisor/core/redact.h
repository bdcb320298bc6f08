/* redact.h - takes secrets out of a line before anybody sees it.
 *
 * Pure. Device codes are not secrets here: the login banner has to show them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef REDACT_H
#define REDACT_H

#include <stddef.h>

/* Replaces the secret part of GitHub tokens (gh[opsur]_..., github_pat_...), Copilot tokens
 * (tid=...), bearer credentials and API keys (sk-...) by `***`, in place. Returns the new
 * length, which is never larger. Fits log_set_filter(). */
size_t redact_line(char *text, size_t len);

#endif
