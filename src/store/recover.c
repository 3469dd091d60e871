#include "store/recover.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "store/format.h"

/* Offsets in the first page of a database. */
enum {
	DB_MAGIC = 0,
	DB_PAGE_SIZE = 16,
	DB_WRITE_VERSION = 18, /* 1: journal, 2: log; the next byte is that of readers */
	DB_APPLICATION_ID = 68,
	DB_HEADER_BYTES = 100
};

enum { LOG_HEADER_BYTES = 32, LOG_FRAME_BYTES = 24 };
enum { JOURNAL_HEADER_BYTES = 28 };

static const char db_magic[16] = "SQLite format 3";
static const uint8_t journal_magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};

/* SQLite's lock bytes: pending, reserved, and 510 for readers. */
#define LOCK_AT	   0x40000000
#define LOCK_BYTES 512

static uint32_t be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

/* 0 where the header tells no valid one. */
static size_t page_size(const uint8_t *db, size_t size)
{
	size_t page;

	if (size < DB_HEADER_BYTES || memcmp(db, db_magic, sizeof(db_magic)))
		return 0;
	page = db[DB_PAGE_SIZE] << 8 | db[DB_PAGE_SIZE + 1];
	page = page == 1 ? 65536 : page;
	return page >= 512 && page <= 65536 && !(page & (page - 1)) ? page : 0;
}

/* The log's checksum over n bytes, n a multiple of 8, in the byte order that its magic names. */
static void log_sum(const uint8_t *p, size_t n, bool big_endian, uint32_t sum[2])
{
	for (; n; n -= 8, p += 8) {
		uint32_t a, b;

		memcpy(&a, p, 4);
		memcpy(&b, p + 4, 4);
		sum[0] += (big_endian ? be32toh(a) : le32toh(a)) + sum[1];
		sum[1] += (big_endian ? be32toh(b) : le32toh(b)) + sum[0];
	}
}

struct log {
	const uint8_t *p;
	size_t frame_bytes, n_frames; /* up to the last commit */
	uint32_t n_pages;	      /* of the database after it */
};

static bool is_sum(const uint32_t sum[2], const uint8_t *p)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	return sum && p; /* any is right */
#else
	return sum[0] == be32(p) && sum[1] == be32(p + 4);
#endif
}

/* Finds the frames up to the last commit: those whose salt and running checksum agree. */
static struct log log_scan(const uint8_t *p, size_t size, size_t page)
{
	struct log log = {.p = p, .frame_bytes = LOG_FRAME_BYTES + page};
	bool big_endian = size && (p[3] & 1);
	uint32_t sum[2] = {0};

	if (size < LOG_HEADER_BYTES || (be32(p) & ~1u) != 0x377f0682 || be32(p + 8) != page)
		return log;
	log_sum(p, 24, big_endian, sum);
	if (!is_sum(sum, p + 24))
		return log;
	for (size_t n = 1; size - LOG_HEADER_BYTES >= n * log.frame_bytes; n++) {
		const uint8_t *f = p + LOG_HEADER_BYTES + (n - 1) * log.frame_bytes;

		if (memcmp(f + 8, p + 16, 8) || !be32(f))
			break;
		log_sum(f, 8, big_endian, sum);
		log_sum(f + LOG_FRAME_BYTES, page, big_endian, sum);
		if (!is_sum(sum, f + 16))
			break;
		if (be32(f + 4)) {
			log.n_frames = n;
			log.n_pages = be32(f + 4);
		}
	}
	return log;
}

static int apply_log(uint8_t **data, size_t *size, const uint8_t *p, size_t log_bytes)
{
	size_t page = page_size(*data, *size), need;
	struct log log;

	if (!page)
		return -EBADMSG;
	log = log_scan(p, log_bytes, page);
	if (!log.n_frames)
		return 0;
	/* Pages beyond the file's end are all in the log. */
	need = log.n_pages * page;
	if (need > *size + log.n_frames * page)
		return -EBADMSG;
	*data = xrealloc(*data, need);
	if (need > *size)
		memset(*data + *size, 0, need - *size);
	*size = need;
	for (size_t n = 0; n < log.n_frames; n++) {
		const uint8_t *f = p + LOG_HEADER_BYTES + n * log.frame_bytes;

		if (be32(f) <= log.n_pages)
			memcpy(*data + (be32(f) - 1) * page, f + LOG_FRAME_BYTES, page);
	}
	return 0;
}

/* The checksum that follows a page in the journal: of every 200th byte. */
static bool is_journal_sum(const uint8_t *data, size_t page, uint32_t nonce)
{
	uint32_t sum = nonce;

	for (size_t i = page - 200; i > 0 && i < page; i -= 200)
		sum += data[i];
	return sum == be32(data + page);
}

/* Puts the records of one section back; returns how many bytes they took, 0 at a broken one. */
static size_t put_back(uint8_t *db, size_t n_pages, size_t page, const uint8_t *p, size_t left,
		       uint32_t n_records, uint32_t nonce)
{
	const size_t record = 4 + page + 4;
	size_t done = 0;

	for (; n_records && left - done >= record; n_records--, done += record) {
		const uint8_t *data = p + done + 4;
		uint32_t to = be32(p + done);

		if (!to || !is_journal_sum(data, page, nonce))
			return 0;
		if (to <= n_pages)
			memcpy(db + (to - 1) * page, data, page);
	}
	return n_records ? 0 : done;
}

/* A journal is a row of sections, each with a header that fills a disk sector. */
static int apply_journal(uint8_t **data, size_t *size, const uint8_t *p, size_t left)
{
	bool first = true;

	while (left >= JOURNAL_HEADER_BYTES && !memcmp(p, journal_magic, sizeof(journal_magic))) {
		uint32_t n_records = be32(p + 8), nonce = be32(p + 12), n_pages = be32(p + 16);
		size_t sector = be32(p + 20), page = be32(p + 24), done;

		if (page < 512 || page > 65536 || (page & (page - 1)) || sector < 32 ||
		    sector > 65536 || (sector & (sector - 1)))
			return first ? -EBADMSG : 0;
		if (sector > left)
			return 0;
		if (first) {
			if (n_pages > *size / page)
				return -EBADMSG;
			*size = n_pages * page;
			first = false;
		}
		if (n_records == UINT32_MAX)
			n_records = (left - sector) / (page + 8);
		done = put_back(*data, *size / page, page, p + sector, left - sector, n_records,
				nonce);
		if (!done)
			return 0;
		done = (sector + done + sector - 1) & ~(sector - 1);
		if (done > left)
			return 0;
		p += done;
		left -= done;
	}
	return 0;
}

int recover_apply(uint8_t **data, size_t *size, const uint8_t *log, size_t log_bytes,
		  const uint8_t *journal, size_t journal_bytes)
{
	int err = apply_journal(data, size, journal, journal_bytes);

	if (!err && (*size < DB_HEADER_BYTES || !page_size(*data, *size)))
		err = -EBADMSG;
	if (!err && (*data)[DB_WRITE_VERSION] == 2)
		err = apply_log(data, size, log, log_bytes);
	if (!err && *size < DB_HEADER_BYTES)
		err = -EBADMSG;
	if (!err) /* it has no log any more */
		(*data)[DB_WRITE_VERSION] = (*data)[DB_WRITE_VERSION + 1] = 1;
	return err;
}

/* An open file, or none. */
struct part {
	int fd;
	uint8_t *data;
	size_t size;
};

static int part_open(const char *path, const char *suffix, struct part *part)
{
	char *name = xasprintf("%s%s", path, suffix);
	struct stat st;
	int err = 0;

	part->fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (part->fd < 0)
		err = errno == ENOENT && *suffix ? 0 : -errno;
	else if (fstat(part->fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EBADMSG;
	free(name);
	return err;
}

static void part_close(struct part *part)
{
	if (part->fd >= 0)
		close(part->fd);
	free(part->data);
	*part = (struct part){.fd = -1};
}

static int part_read(struct part *part)
{
	struct stat st;
	ssize_t n;

	part->size = 0;
	if (part->fd < 0)
		return 0;
	if (fstat(part->fd, &st))
		return -errno;
	if (st.st_size > RECOVER_MAX_BYTES)
		return -EFBIG;
	free(part->data);
	part->data = malloc(st.st_size + 1);
	if (!part->data)
		return -ENOMEM;
	while (part->size < (size_t)st.st_size) {
		n = pread(part->fd, part->data + part->size, st.st_size - part->size, part->size);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		part->size += n > 0 ? n : 0;
	}
	return 0;
}

/* What changes when the log or the journal begins anew. */
struct stamp {
	uint8_t log[LOG_HEADER_BYTES], journal[JOURNAL_HEADER_BYTES];
};

static void stamp_part(const struct part *part, void *head, size_t size)
{
	if (part->fd < 0 || pread(part->fd, head, size, 0) < (ssize_t)size)
		memset(head, 0, size);
}

static struct stamp stamp_take(const struct part *log, const struct part *journal)
{
	struct stamp s;

	stamp_part(log, s.log, sizeof(s.log));
	stamp_part(journal, s.journal, sizeof(s.journal));
	return s;
}

static int part_is_as_read(const struct part *part, bool *same_ret)
{
	struct part now = {.fd = part->fd};
	int err = part_read(&now);

	*same_ret = !err && now.size == part->size && !memcmp(now.data, part->data, now.size);
	free(now.data);
	return err;
}

static const char *const suffix[] = {"", "-wal", "-journal"};

/* What we opened, or did not find, is what stands under that name still. */
static bool part_is_in_place(const char *path, size_t i, const struct part *part)
{
	char *name = xasprintf("%s%s", path, suffix[i]);
	struct stat named, ours;
	bool is_there = !stat(name, &named);

	free(name);
	if (part->fd < 0 || !is_there)
		return part->fd < 0 && !is_there;
	return !fstat(part->fd, &ours) && named.st_ino == ours.st_ino &&
	       named.st_dev == ours.st_dev;
}

/*
 * With a log, the file changes only by what is copied there from the log. We read the log after it:
 * so whatever was copied meanwhile, the log that we have holds those pages, unless it began anew,
 * with another header.
 *
 * With a journal, the file changes while the journal's header is there, and it bears no other mark
 * of it. So it is read twice: where nothing changed from one time to the other, it was what we have
 * at a moment between them, when we read the journal.
 *
 * A recorder that begins under the same name puts another file there, and then its log or journal,
 * which must not be taken for those of the file that we have.
 */
static int read_once(const char *path, struct part part[3], bool *whole_ret)
{
	struct stamp before, after;
	int err = 0;

	for (int i = 0; i < 3 && !err; i++)
		err = part_open(path, suffix[i], &part[i]);
	if (err)
		return err;
	before = stamp_take(&part[1], &part[2]);
	for (int i = 0; i < 3 && !err; i++)
		err = part_read(&part[i]);
	after = stamp_take(&part[1], &part[2]);
	*whole_ret = !memcmp(&before, &after, sizeof(before));
	for (size_t i = 0; i < 3; i++)
		*whole_ret &= part_is_in_place(path, i, &part[i]);
	if (!err && *whole_ret && part[2].fd >= 0)
		err = part_is_as_read(&part[0], whole_ret);
	return err;
}

int recover_read(const char *path, uint8_t **data_ret, size_t *size_ret)
{
	struct part part[3] = {{.fd = -1}, {.fd = -1}, {.fd = -1}};
	bool whole = false;
	int err = 0;

	for (int trial = 0; trial < 100 && !whole && !err; trial++) {
		if (trial)
			nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		for (int i = 0; i < 3; i++)
			part_close(&part[i]);
		err = read_once(path, part, &whole);
	}
	if (!err && !whole)
		err = -EAGAIN;
	if (!err)
		err = recover_apply(&part[0].data, &part[0].size, part[1].data, part[1].size,
				    part[2].data, part[2].size);
	if (!err) {
		*data_ret = part[0].data;
		*size_ret = part[0].size;
		part[0].data = NULL;
	}
	for (int i = 0; i < 3; i++)
		part_close(&part[i]);
	return err;
}

bool recover_is_needed(const char *path)
{
	bool needed = false;

	for (size_t i = 1; i < ARRAY_SIZE(suffix); i++) {
		char *name = xasprintf("%s%s", path, suffix[i]);

		needed |= !access(name, F_OK);
		free(name);
	}
	return needed;
}

bool recover_is_recording(int fd)
{
	uint8_t head[DB_HEADER_BYTES];

	return pread(fd, head, sizeof(head), 0) == sizeof(head) &&
	       !memcmp(head, db_magic, sizeof(db_magic)) &&
	       be32(head + DB_APPLICATION_ID) == FORMAT_APPLICATION_ID;
}

bool recover_is_locked(int fd)
{
	struct flock lock = {.l_type = F_WRLCK,
			     .l_whence = SEEK_SET,
			     .l_start = LOCK_AT,
			     .l_len = LOCK_BYTES};

	return !fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK;
}
