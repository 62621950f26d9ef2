// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_LIST_H
#define SENTRYFS_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A circular doubly linked list whose links are members of its elements. */
struct list {
	struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Adds at the end of `head`. */
static inline void list_add(struct list *head, struct list *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

/* Removes from whatever list it is in; may be called again. */
static inline void list_remove(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define list_first(head, type, member) container_of((head)->next, type, member)

#endif
