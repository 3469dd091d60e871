#ifndef CLI_OPTION_VALUE_H
#define CLI_OPTION_VALUE_H

#include "cli/option_table.h"

/*
 * Readers of one option's value, for the column `read` of the table. Each stores what it read at
 * the row's offset in struct options and returns 0; or it prints one line, which names the option,
 * the value and what is right, and returns -EINVAL. Each notes the type it stores.
 */
int value_flag(struct options *opt, const struct option_def *def, const char *value); /* bool */
int value_u32(struct options *opt, const struct option_def *def, const char *value);
int value_u64(struct options *opt, const struct option_def *def, const char *value);
int value_cpu(struct options *opt, const struct option_def *def, const char *value);	/* int */
int value_string(struct options *opt, const struct option_def *def, const char *value); /* char * */
int value_choice(struct options *opt, const struct option_def *def, const char *value); /* enum */
int value_event(struct options *opt, const struct option_def *def, const char *value);	/* char * */
/* uint64_t ns; min and max are ns too. */
int value_span(struct options *opt, const struct option_def *def, const char *value);
/* struct time_point */
int value_time(struct options *opt, const struct option_def *def, const char *value);
/* char *: what zone_offset() takes */
int value_zone(struct options *opt, const struct option_def *def, const char *value);
/* Added to opt->mark: "14:03:10|deploy v2". */
int value_mark(struct options *opt, const struct option_def *def, const char *value);
/* double: a percentage, "0.5" or "0.5%"; a factor, "20" or "20x". */
int value_percent(struct options *opt, const struct option_def *def, const char *value);
int value_factor(struct options *opt, const struct option_def *def, const char *value);
/* render.width and render.height: "1280x720", or a name of `choices`. */
int value_size(struct options *opt, const struct option_def *def, const char *value);
/* A comma list of ids, added to a uint32_t * that a size_t follows at the offset `min`. */
int value_ids(struct options *opt, const struct option_def *def, const char *value);

/* Those that add to opt->outputs. */
int value_output(struct options *opt, const struct option_def *def, const char *value);
int value_folded(struct options *opt, const struct option_def *def, const char *value);
int value_stacks(struct options *opt, const struct option_def *def, const char *value);
int value_images(struct options *opt, const struct option_def *def, const char *value);
/* After the last option: turns -E and -g into one output. */
int value_finish(struct options *opt);

#define IMAGE_PATTERN_DEFAULT "frames/flamegraph%04d.png"

#endif
