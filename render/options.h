#ifndef RENDER_OPTIONS_H
#define RENDER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/grouping.h"

/* What a film, or its images, should look like: plain data, filled by the command line. */

enum scale {
	SCALE_AUTO,  /* the smallest round number of CPUs ≥ 1.1 × the busiest window */
	SCALE_CPU,   /* all online CPUs; as SCALE_PEAK where they are no limit */
	SCALE_PEAK,  /* the busiest window */
	SCALE_SHARE, /* each window is 100 % */
};

enum mode {
	MODE_WINDOW,	 /* an image shows the last `window_ns` */
	MODE_INTERVAL,	 /* an image shows its own step alone */
	MODE_CUMULATIVE, /* an image shows all from the start */
};

enum order {
	ORDER_NAME,   /* siblings by name, byte order */
	ORDER_WEIGHT, /* by what they have over the whole recording, most first */
};

enum theme { THEME_LIGHT, THEME_DARK, THEME_PRINT };

struct render_options {
	int width, height; /* px, even; 0: 1920×1080 */
	int fps;	   /* 0: 30 */
	enum scale scale;
	enum mode mode;
	enum theme theme;
	enum order order;
	bool no_fold; /* a row for each frame, as long as there are rows */
	bool no_host; /* the host's name is not told */
	enum grouping by;
	uint64_t window_ns; /* 0: the longer of 5 intervals and a film step */
	uint64_t length_ns; /* of the film; 0: half a second a snapshot, within 10…45 s */
	double speed; /* real time / film time; 0: from the length. Not together with length_ns */
	bool cfr;     /* constant rate of images, for editors */
	bool no_system_fonts;
	int utc_offset_s;     /* of the clock */
	const char *title;    /* borrowed; NULL: the host's name and what was recorded */
	const char *subtitle; /* borrowed; NULL: what was sampled, and how */
};

#endif
