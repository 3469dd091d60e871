#include "capture/wire.h"

#include <errno.h>
#include <string.h>

bool wire_get(const void *data, size_t size, void *head_ret, size_t head_size)
{
	if (size < head_size)
		return false;
	memcpy(head_ret, data, head_size);
	return true;
}

int wire_next_stack(const void *data, size_t size, size_t *at, struct wire_stack_view *ret)
{
	const uint8_t *p = (const uint8_t *)data + *at;
	size_t left = size - *at, need = sizeof(ret->head);

	if (!left)
		return 0;
	if (!wire_get(p, left, &ret->head, sizeof(ret->head)))
		return -EPROTO;
	ret->kernel = p + need;
	need += ret->head.n_kernel * sizeof(uint64_t);
	ret->user = p + need;
	need += ret->head.n_user * sizeof(struct wire_frame);
	if (left < need)
		return -EPROTO;
	*at += need;
	return 1;
}

int wire_next_kernel_name(const void *data, size_t size, size_t *at, struct wire_kernel_name *ret,
			  const char **name_ret)
{
	const char *p = (const char *)data + *at;
	size_t left = size - *at;

	if (!left)
		return 0;
	if (!wire_get(p, left, ret, sizeof(*ret)) || left - sizeof(*ret) < ret->size)
		return -EPROTO;
	*name_ret = p + sizeof(*ret);
	*at += sizeof(*ret) + ret->size;
	return 1;
}

int wire_get_sample(const void *data, size_t size, struct wire_sample *ret,
		    struct wire_stack_view *stack_ret)
{
	size_t at = sizeof(*ret);

	if (!wire_get(data, size, ret, sizeof(*ret)) ||
	    wire_next_stack(data, size, &at, stack_ret) != 1)
		return -EPROTO;
	return 0;
}

uint64_t wire_kernel_address(const struct wire_stack_view *v, size_t i)
{
	uint64_t address;

	memcpy(&address, v->kernel + i * sizeof(address), sizeof(address));
	return address;
}

struct wire_frame wire_user_frame(const struct wire_stack_view *v, size_t i)
{
	struct wire_frame frame;

	memcpy(&frame, v->user + i * sizeof(frame), sizeof(frame));
	return frame;
}
