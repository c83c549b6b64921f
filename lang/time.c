/*
 * time.c - points in time as ISO 8601 text, both ways, without the C library's calendar (which knows time zones and
 * locales that a run must not depend on).
 *
 * A time is a number of milliseconds since 1970-01-01T00:00Z in the proleptic Gregorian calendar without leap seconds.
 * Read: a date, or date and time with `T` (or a blank) between, seconds and a fraction that may be left out, then `Z` or
 * an offset. A time of day without either is refused: whose time would it be? What is finer than a millisecond is cut off.
 */
#include "lang/text.h"

#include <stdio.h>

enum { DAY_MS = 86400000 };

/* Days from 1970-01-01 to a date. March starts the year here, so that the leap day is its last. */
static int64_t days_from_date(int64_t y, int m, int d) {
    if (m <= 2) y--;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year = y - era * 400;
    int64_t day = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}

static void date_from_days(int64_t days, int64_t *y, int *m, int *d) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t in_era = days - era * 146097;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * in_year + 2) / 153;
    *d = (int)(in_year - (153 * month + 2) / 5 + 1);
    *m = (int)(month < 10 ? month + 3 : month - 9);
    *y = year + era * 400 + (*m <= 2);
}

pb_str pb_time_text(pb_arena *a, int64_t ms) {
    int64_t days = ms / DAY_MS, rest = ms % DAY_MS, y;
    int m, d;
    if (rest < 0) rest += DAY_MS, days--;
    date_from_days(days, &y, &m, &d);
    int t = (int)rest;
    const char *sign = y < 0 ? "-" : y > 9999 ? "+" : "";
    char fraction[8] = "";
    if (t % 1000) snprintf(fraction, sizeof fraction, ".%03d", t % 1000);
    return pb_printf(a, "%s%04lld-%02d-%02dT%02d:%02d:%02d%sZ", sign, (long long)(y < 0 ? -y : y), m, d, t / 3600000,
                     t / 60000 % 60, t / 1000 % 60, fraction);
}

typedef struct reader {
    const char *p, *end;
} reader;

static bool digits(reader *r, int count, int *out) {
    int n = 0;
    if (r->end - r->p < count) return false;
    for (int i = 0; i < count; i++, r->p++) {
        if (*r->p < '0' || *r->p > '9') return false;
        n = n * 10 + (*r->p - '0');
    }
    *out = n;
    return true;
}

static bool one_of(reader *r, const char *set) {
    if (r->p == r->end || !*r->p || !strchr(set, *r->p)) return false;
    r->p++;
    return true;
}

static int days_in_month(int y, int m) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return days[m - 1] + (m == 2 && leap);
}

static bool read_date(reader *r, int64_t *days) {
    int y, m, d;
    if (!digits(r, 4, &y) || !one_of(r, "-") || !digits(r, 2, &m) || !one_of(r, "-") || !digits(r, 2, &d)) return false;
    if (m < 1 || m > 12 || d < 1 || d > days_in_month(y, m)) return false;
    *days = days_from_date(y, m, d);
    return true;
}

static bool read_fraction(reader *r, int *ms) {
    int unit = 100;
    if (r->p == r->end || *r->p < '0' || *r->p > '9') return false;
    for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++, unit /= 10) *ms += (*r->p - '0') * unit;
    return true;
}

static bool read_clock(reader *r, int64_t *ms) {
    int h, m, s = 0, fraction = 0;
    if (!digits(r, 2, &h) || !one_of(r, ":") || !digits(r, 2, &m)) return false;
    if (one_of(r, ":")) {
        if (!digits(r, 2, &s)) return false;
        if (one_of(r, ".,") && !read_fraction(r, &fraction)) return false;
    }
    if (h > 23 || m > 59 || s > 60) return false; /* 60: a leap second counts as the next one's start */
    *ms = ((int64_t)h * 3600 + m * 60 + s) * 1000 + fraction;
    return true;
}

static bool read_zone(reader *r, int64_t *ms) {
    int h, m = 0;
    *ms = 0;
    if (one_of(r, "Zz")) return true;
    bool west = r->p < r->end && *r->p == '-';
    if (!one_of(r, "+-") || !digits(r, 2, &h)) return false;
    bool colon = one_of(r, ":");
    if ((colon || r->p < r->end) && !digits(r, 2, &m)) return false;
    if (h > 23 || m > 59) return false;
    *ms = ((int64_t)h * 60 + m) * (west ? -60000 : 60000);
    return true;
}

bool pb_time_parse(pb_str s, int64_t *ms) {
    if (!s.n) return false;
    reader r = {s.s, s.s + s.n};
    int64_t days, clock = 0, zone = 0;
    if (!read_date(&r, &days)) return false;
    if (r.p < r.end && (!one_of(&r, "Tt ") || !read_clock(&r, &clock) || !read_zone(&r, &zone))) return false;
    if (r.p != r.end) return false;
    *ms = days * DAY_MS + clock - zone;
    return true;
}
