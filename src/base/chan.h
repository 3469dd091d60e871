#ifndef BASE_CHAN_H
#define BASE_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Messages between our processes over a socketpair(AF_UNIX, SOCK_STREAM): a header with type and
 * size, the bytes, and at most one file descriptor. A peer is not trusted: sizes are bounded, and a
 * message that breaks the frame ends the channel with -EPROTO.
 *
 * Sending never blocks: what the socket does not take is kept in a queue and goes out with
 * chan_flush(), or with the next message. chan_backlog() tells how much waits, so that a sender can
 * shed load. chan_poll_events() says what to wait for.
 *
 * Receiving: when the socket is readable, call chan_fill() once, then chan_next() until it returns
 * 0. The message and its bytes are valid until the next chan_fill() or chan_next(), and are aligned
 * to nothing: copy numbers out with memcpy().
 */
#define CHAN_MAX_BYTES (64u << 20)

struct chan;

struct chan_msg {
	uint32_t type;
	uint32_t size;
	const void *data;
	int fd; /* of the receiver, who closes it; -1 for none */
};

/* Takes the socket and makes it non-blocking. */
struct chan *chan_create(int sock);
void chan_destroy(struct chan *ch);
int chan_fd(const struct chan *ch);
short chan_poll_events(const struct chan *ch);

/* fd is duplicated as needed, and stays the caller's; -1 for none. 0 or a negative errno. */
int chan_send(struct chan *ch, uint32_t type, const void *data, size_t size, int fd);
int chan_flush(struct chan *ch);
size_t chan_backlog(const struct chan *ch);
/* Blocks until all is sent. */
int chan_drain(struct chan *ch);

/* 1 where bytes came, 0 where none are there yet, -EPIPE at the end, or another negative errno. */
int chan_fill(struct chan *ch);
/* 1 with a message, 0 where none is whole, -EPROTO on a broken one. */
int chan_next(struct chan *ch, struct chan_msg *msg_ret);
/* Waits for one message. 1, or 0 after timeout_ms (-1: for ever), or a negative errno. */
int chan_wait(struct chan *ch, int timeout_ms, struct chan_msg *msg_ret);

#endif
