#ifndef EXPORT_SUMMARY_TEXT_H
#define EXPORT_SUMMARY_TEXT_H

#include "base/strbuf.h"
#include "export/summary.h"

/* For reading, at most some 80 columns wide where names permit. */
void summary_add_text(const struct summary *s, struct strbuf *out);

#endif
