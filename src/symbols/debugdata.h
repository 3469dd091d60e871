#ifndef SYMBOLS_DEBUGDATA_H
#define SYMBOLS_DEBUGDATA_H

#include <stddef.h>

#include "base/strbuf.h"

/*
 * The section .gnu_debugdata of stripped files: an ELF file in the format of xz(1), whose .symtab
 * names the functions that .dynsym lacks. Fedora and its kin build all programs so; described in
 * "MiniDebugInfo" of the GDB manual.
 *
 * The bytes are hostile: a kilobyte of xz can stand for gigabytes, and so what comes out is at most
 * DEBUGDATA_MAX_BYTES, with a bounded memory for the unpacking.
 */
#define DEBUGDATA_MAX_BYTES (128u << 20)

/* Adds what is packed in the bytes. 0; -EFBIG, -EBADMSG where they are no sound xz file. */
int debugdata_unpack(const void *xz, size_t size, struct strbuf *out);

#endif
