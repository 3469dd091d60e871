#ifndef RENDER_MUX_FILE_H
#define RENDER_MUX_FILE_H

#include <libavformat/avformat.h>
#include <stdbool.h>

/*
 * The file as libavformat sees it: a descriptor of ours, so that what is written is what outfile
 * locked and will rename.
 */

/* *fd must live as long as mux does. False where there is no memory. */
bool mux_file_open(AVFormatContext *mux, int *fd);
/* Before mux is freed: mux->pb, or NULL in it. */
void mux_file_close(AVIOContext **pb);

#endif
