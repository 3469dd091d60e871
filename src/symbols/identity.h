#ifndef SYMBOLS_IDENTITY_H
#define SYMBOLS_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/dict.h"

/*
 * Which build a file is of, and which separate file has its symbols: the note with the build-id,
 * and the section .gnu_debuglink (GDB manual, "Separate Debug Files"). Files are hostile, as for
 * symbols/elf.h, and this runs where that runs.
 */
struct identity {
	uint8_t build_id_size, build_id[BUILD_ID_MAX]; /* size 0: it has none */
	uint32_t link_crc;			       /* of the file named by `link` */
	char link[256]; /* the name of a file without its folder; "": there is none */
};

/* What is no ELF file has no identity, which is all zero. */
void identity_read(int fd, struct identity *ret);

/*
 * The other file is of the same build: its build-id is the same, or, where the file has none, all
 * its bytes have the checksum that the file tells.
 */
bool identity_matches(const struct identity *file, int other_fd);

#endif
