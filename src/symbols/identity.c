#include "symbols/identity.h"

#include <elfutils/libdwelf.h>
#include <libelf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* Some tenths of a second. */
#define CHECKSUM_MAX_BYTES (1ll << 30)

static void read_build_id(Elf *elf, struct identity *ret)
{
	const void *id;
	ssize_t size = dwelf_elf_gnu_build_id(elf, &id);

	if (size <= 0 || size > BUILD_ID_MAX)
		return;
	ret->build_id_size = (uint8_t)size;
	memcpy(ret->build_id, id, size);
}

static void read_link(Elf *elf, struct identity *ret)
{
	GElf_Word crc;
	const char *name = dwelf_elf_gnu_debuglink(elf, &crc);
	size_t len = name ? strnlen(name, sizeof(ret->link)) : 0;

	/* A name leads to no other folder. */
	if (!len || len == sizeof(ret->link) || memchr(name, '/', len) || !strcmp(name, ".") ||
	    !strcmp(name, ".."))
		return;
	memcpy(ret->link, name, len);
	ret->link_crc = crc;
}

void identity_read(int fd, struct identity *ret)
{
	struct stat st;
	Elf *elf;

	memset(ret, 0, sizeof(*ret));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF) {
		read_build_id(elf, ret);
		read_link(elf, ret);
	}
	elf_end(elf);
}

/* False where the file is too long to be read for a checksum. */
static bool checksum(int fd, uint32_t *crc_ret)
{
	uint32_t crc = crc32(0, NULL, 0);
	uint8_t piece[65536];
	off_t at = 0;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) || st.st_size > CHECKSUM_MAX_BYTES)
		return false;
	while ((n = pread(fd, piece, sizeof(piece), at)) > 0) {
		crc = crc32(crc, piece, n);
		at += n;
	}
	*crc_ret = crc;
	return true;
}

bool identity_matches(const struct identity *file, int other_fd)
{
	struct identity other;
	uint32_t crc;

	if (!file->build_id_size)
		return *file->link && checksum(other_fd, &crc) && crc == file->link_crc;
	identity_read(other_fd, &other);
	return other.build_id_size == file->build_id_size &&
	       !memcmp(other.build_id, file->build_id, file->build_id_size);
}
