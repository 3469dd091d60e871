#ifndef SYMBOLS_STARTUP_H
#define SYMBOLS_STARTUP_H

#include <stddef.h>
#include <stdint.h>

/*
 * The functions _init and _fini of x86-64, which compilers give no unwinding rules. Where the
 * caller is follows from their machine code, if it is of the few instructions that C libraries have
 * there, one after another up to `ret`: they move the stack pointer by constants, may call one
 * function, and change no other register that a caller relies on.
 */
#define STARTUP_ROWS_MAX 8
/* What is longer is something else. */
#define STARTUP_BYTES_MAX 64

/* From here on, up to the next one, the CFA is rsp + cfa; the last row, with 0, is behind it all.
 */
struct startup_row {
	uint32_t at; /* from the start of the code */
	uint32_t cfa;
};

/* How many rows; 0 where the code proves nothing. */
size_t startup_rows(const uint8_t *code, size_t size, struct startup_row row[STARTUP_ROWS_MAX]);

#endif
