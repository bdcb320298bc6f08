/* list.h - an intrusive doubly linked list with a sentinel head.
 *
 * Freestanding. The list owns nothing: a member embeds `struct list`. A member that is on no
 * list points to itself, so that list_remove() on it is harmless.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LIST_H
#define LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_push_back(struct list *head, struct list *member)
{
    member->prev = head->prev;
    member->next = head;
    head->prev->next = member;
    head->prev = member;
}

static inline void list_push_front(struct list *head, struct list *member)
{
    list_push_back(head->next, member);
}

static inline void list_remove(struct list *member)
{
    member->prev->next = member->next;
    member->next->prev = member->prev;
    list_init(member);
}

#define LIST_ENTRY(pointer, type, member)                                                      \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define LIST_FOREACH(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)

/* Safe against the removal of `it` itself, not of its neighbour. */
#define LIST_FOREACH_SAFE(it, head)                                                            \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                  \
         it = it##_next, it##_next = it->next)

#endif
