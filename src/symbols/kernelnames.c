#include "symbols/kernelnames.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define NAMES_MAX (1u << 18)

void kernelnames_deinit(struct kernelnames *kn)
{
	strbuf_deinit(&kn->text);
	free(kn->name);
	index_deinit(&kn->ix);
	*kn = (struct kernelnames){0};
}

static const struct kernelname *find(const struct kernelnames *kn, uint64_t address)
{
	for (uint32_t it = 0, id; index_next(&kn->ix, hash_u64(address, 0), &it, &id);)
		if (kn->name[id].address == address)
			return &kn->name[id];
	return NULL;
}

/* bpf_prog_0123456789abcdef_NAME, of which kallsyms says [bpf] and "%ps" does not. */
static bool is_program(const char *text, size_t size)
{
	static const char head[] = "bpf_prog_";
	size_t at = sizeof(head) - 1, end = at + 16;

	if (size < end || memcmp(text, head, at))
		return false;
	while (at < end && isxdigit((unsigned char)text[at]))
		at++;
	return at == end && (size == end || text[end] == '_');
}

/* How long the name is, without " [MODULE]". */
static size_t name_len(const char *text, size_t size)
{
	const char *space = size && text[size - 1] == ']' ? memrchr(text, ' ', size) : NULL;

	return space && space > text && space[1] == '[' ? (size_t)(space - text) : size;
}

void kernelnames_add(struct kernelnames *kn, uint64_t address, const char *text, size_t size)
{
	size_t len;

	size = strnlen(text, size);
	len = name_len(text, size);
	if (!len || !strncmp(text, "0x", size < 2 ? size : 2) || kn->n >= NAMES_MAX ||
	    find(kn, address))
		return;
	kn->name = xgrow(kn->name, &kn->cap, kn->n + 1, sizeof(*kn->name));
	kn->name[kn->n] = (struct kernelname){.address = address, .at = kn->text.len};
	index_add(&kn->ix, hash_u64(address, 0), kn->n++);
	strbuf_add(&kn->text, text, len);
	strbuf_addc(&kn->text, '\0');
	if (len < size)
		strbuf_add(&kn->text, text + len + 1, size - len - 1);
	else if (is_program(text, len))
		strbuf_adds(&kn->text, "[bpf]");
	strbuf_addc(&kn->text, '\0');
}

bool kernelnames_find(const struct kernelnames *kn, uint64_t address,
		      struct kallsyms_place *place_ret)
{
	const struct kernelname *n = find(kn, address);
	const char *name;

	if (!n)
		return false;
	name = kn->text.data + n->at;
	*place_ret =
	    (struct kallsyms_place){.start = address, .name = name, .name_len = strlen(name)};
	place_ret->module = name + place_ret->name_len + 1;
	return true;
}
