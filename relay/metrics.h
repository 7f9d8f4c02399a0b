/*
 * A status as text: Prometheus 0.0.4, and the JSON of /health, /ready and /metrics (section 9).
 * Owns names, types and help of every metric; no metric has a session or an address as label.
 */
#ifndef RD_METRICS_H
#define RD_METRICS_H

#include "snapshot.h"

/* Each returns a text that the caller frees, or NULL where memory is short. */
char *rd_metrics_prometheus(const struct rd_status *status, size_t *bytes);
char *rd_metrics_json(const struct rd_status *status);
char *rd_health_json(const struct rd_status *status);
char *rd_ready_json(const struct rd_status *status);

#endif
