#ifndef RENDER_PER_PROCESSOR_H
#define RENDER_PER_PROCESSOR_H

/*
 * Stands before a function whose loops should use the widest vectors there are: it is compiled
 * several times, and the copy is chosen when the program starts. For integers only, whose results
 * no vector changes. gcc turns loops into vectors at -O3, which the Makefile sets for those files.
 *
 * Only glibc can choose, and not before a sanitizer is ready.
 */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) &&                            \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define PER_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PER_PROCESSOR
#endif

#endif
