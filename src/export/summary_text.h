#ifndef EXPORT_SUMMARY_TEXT_H
#define EXPORT_SUMMARY_TEXT_H

#include "base/strbuf.h"
#include "export/summary.h"

/* For reading at a terminal of 80 columns; a long name of a function is cut. */
void summary_add_text(const struct summary *s, struct strbuf *out);
/* Of a second series what differs. The recording's first one was added before. */
void summary_add_text_series(const struct summary *s, struct strbuf *out);

#endif
