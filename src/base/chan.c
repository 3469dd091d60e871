#include "base/chan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/xalloc.h"

struct header {
	uint32_t type, size;
	uint32_t has_fd;
};

/* A descriptor leaves with the first byte of its message. */
struct out_fd {
	uint64_t at; /* offset in the stream of bytes */
	int fd;
};

struct chan {
	int sock;
	struct strbuf out;
	size_t out_at;
	uint64_t sent;
	struct out_fd *out_fd;
	size_t n_out_fd, cap_out_fd;
	uint8_t *in;
	size_t in_at, in_len, in_cap;
	int *in_fd;
	size_t n_in_fd, cap_in_fd;
};

struct chan *chan_create(int sock)
{
	struct chan *ch = xcalloc(1, sizeof(*ch));

	ch->sock = sock;
	fcntl(sock, F_SETFL, fcntl(sock, F_GETFL) | O_NONBLOCK);
	fcntl(sock, F_SETFD, FD_CLOEXEC);
	return ch;
}

void chan_destroy(struct chan *ch)
{
	if (!ch)
		return;
	for (size_t i = 0; i < ch->n_out_fd; i++)
		close(ch->out_fd[i].fd);
	for (size_t i = 0; i < ch->n_in_fd; i++)
		close(ch->in_fd[i]);
	close(ch->sock);
	strbuf_deinit(&ch->out);
	free(ch->out_fd);
	free(ch->in);
	free(ch->in_fd);
	free(ch);
}

int chan_fd(const struct chan *ch)
{
	return ch->sock;
}

short chan_poll_events(const struct chan *ch)
{
	return POLLIN | (chan_backlog(ch) ? POLLOUT : 0);
}

size_t chan_backlog(const struct chan *ch)
{
	return ch->out.len - ch->out_at;
}

/* Sends up to the byte that the next descriptor belongs to, or that byte with its descriptor. */
static ssize_t send_some(struct chan *ch)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = ch->out.data + ch->out_at, .iov_len = chan_backlog(ch)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	bool with_fd = ch->n_out_fd && ch->out_fd[0].at == ch->sent;
	ssize_t n;

	if (with_fd) {
		struct cmsghdr *cm;

		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &ch->out_fd[0].fd, sizeof(int));
		iov.iov_len = 1;
	} else if (ch->n_out_fd && ch->out_fd[0].at - ch->sent < iov.iov_len) {
		iov.iov_len = ch->out_fd[0].at - ch->sent;
	}
	n = sendmsg(ch->sock, &msg, MSG_NOSIGNAL);
	if (n > 0 && with_fd) {
		close(ch->out_fd[0].fd);
		memmove(ch->out_fd, ch->out_fd + 1, --ch->n_out_fd * sizeof(*ch->out_fd));
	}
	return n;
}

int chan_flush(struct chan *ch)
{
	while (chan_backlog(ch)) {
		ssize_t n = send_some(ch);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		ch->out_at += n;
		ch->sent += n;
	}
	strbuf_clear(&ch->out);
	ch->out_at = 0;
	return 0;
}

int chan_send(struct chan *ch, uint32_t type, const void *data, size_t size, int fd)
{
	struct header h = {.type = type, .size = size, .has_fd = fd >= 0};

	if (size > CHAN_MAX_BYTES)
		return -EMSGSIZE;
	if (fd >= 0) {
		int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

		if (copy < 0)
			return -errno;
		ch->out_fd =
		    xgrow(ch->out_fd, &ch->cap_out_fd, ch->n_out_fd + 1, sizeof(*ch->out_fd));
		ch->out_fd[ch->n_out_fd++] =
		    (struct out_fd){.at = ch->sent + chan_backlog(ch), .fd = copy};
	}
	if (ch->out_at > 1 << 20 && ch->out_at > ch->out.len / 2) {
		memmove(ch->out.data, ch->out.data + ch->out_at, chan_backlog(ch));
		ch->out.len -= ch->out_at;
		ch->out_at = 0;
	}
	strbuf_add(&ch->out, &h, sizeof(h));
	strbuf_add(&ch->out, data, size);
	return chan_flush(ch);
}

int chan_drain(struct chan *ch)
{
	int err = chan_flush(ch);

	while (!err && chan_backlog(ch)) {
		struct pollfd p = {.fd = ch->sock, .events = POLLOUT};

		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return -errno;
		err = chan_flush(ch);
	}
	return err;
}

static void take_fds(struct chan *ch, struct msghdr *msg)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {
		size_t n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		ch->in_fd = xgrow(ch->in_fd, &ch->cap_in_fd, ch->n_in_fd + n, sizeof(*ch->in_fd));
		memcpy(ch->in_fd + ch->n_in_fd, CMSG_DATA(cm), n * sizeof(int));
		ch->n_in_fd += n;
	}
}

int chan_fill(struct chan *ch)
{
	union {
		char buf[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (ch->in_at) {
		memmove(ch->in, ch->in + ch->in_at, ch->in_len - ch->in_at);
		ch->in_len -= ch->in_at;
		ch->in_at = 0;
	}
	ch->in = xgrow(ch->in, &ch->in_cap, ch->in_len + 65536, 1);
	iov = (struct iovec){.iov_base = ch->in + ch->in_len, .iov_len = ch->in_cap - ch->in_len};
	msg.msg_control = control.buf;
	msg.msg_controllen = sizeof(control.buf);
	do
		n = recvmsg(ch->sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	take_fds(ch, &msg);
	ch->in_len += n;
	return 1;
}

int chan_next(struct chan *ch, struct chan_msg *msg_ret)
{
	struct header h;
	size_t left = ch->in_len - ch->in_at;

	if (left < sizeof(h))
		return 0;
	memcpy(&h, ch->in + ch->in_at, sizeof(h));
	if (h.size > CHAN_MAX_BYTES || h.has_fd > 1)
		return -EPROTO;
	if (left - sizeof(h) < h.size)
		return 0;
	*msg_ret = (struct chan_msg){.type = h.type,
				     .size = h.size,
				     .data = ch->in + ch->in_at + sizeof(h),
				     .fd = -1};
	if (h.has_fd) {
		if (!ch->n_in_fd)
			return -EPROTO;
		msg_ret->fd = ch->in_fd[0];
		memmove(ch->in_fd, ch->in_fd + 1, --ch->n_in_fd * sizeof(*ch->in_fd));
	}
	ch->in_at += sizeof(h) + h.size;
	return 1;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

int chan_wait(struct chan *ch, int timeout_ms, struct chan_msg *msg_ret)
{
	int64_t end = now_ms() + timeout_ms;

	for (;;) {
		struct pollfd p = {.fd = ch->sock, .events = chan_poll_events(ch)};
		int err = chan_next(ch, msg_ret);
		int left = timeout_ms < 0 ? -1 : (int)(end - now_ms());

		if (err)
			return err;
		if (timeout_ms >= 0 && left <= 0)
			return 0;
		if (poll(&p, 1, left) < 0 && errno != EINTR)
			return -errno;
		err = chan_flush(ch);
		if (err)
			return err;
		err = chan_fill(ch);
		if (err < 0)
			return err;
	}
}
