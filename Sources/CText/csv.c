#include "decimal.h"

const uint8_t *ct_number_f32(const uint8_t *text, const uint8_t *end, float *value) { return number_f32(text, end, value); }
const uint8_t *ct_number_f64(const uint8_t *text, const uint8_t *end, double *value) { return number_f64(text, end, value); }

// A comma, LF, CR LF, or the end of the file, before which a CR may stand as well.
INLINE bool ends_field(const uint8_t *p, const uint8_t *end, bool is_last) {
    if (p == end) return is_last;
    if (*p == ',' || *p == '\n') return true;
    return *p == '\r' && (p + 1 < end ? p[1] == '\n' : is_last);
}

ct_stop ct_next_field(
    const uint8_t *bytes, size_t count, bool is_last, size_t longest_field, size_t *position, ct_field *field,
    bool *is_whole) {
    const uint8_t *const end = bytes + count, *p = bytes + *position;
    *field = (ct_field){*position, 0, false};
    *is_whole = false;
    if (p == end || *p != '"') {
        const uint8_t *const start = p;
        while (!ends_field(p, end, is_last)) {
            if ((size_t)(p - start) == longest_field) return CT_FIELD_TOO_LONG;
            if (p == end || (*p == '\r' && p + 1 == end)) return CT_END;
            if (*p == '"') return CT_STRAY_QUOTE;
            p++;
        }
        field->length = (size_t)(p - start);
    } else {
        const uint8_t *const start = ++p;
        for (;;) {
            const uint8_t *const quote = memchr(p, '"', (size_t)(end - p));
            if ((size_t)((quote == NULL ? end : quote) - start) > longest_field) return CT_FIELD_TOO_LONG;
            if (quote == NULL) return is_last ? CT_UNCLOSED_QUOTE : CT_END;
            p = quote + 1;
            if (p == end && !is_last) return CT_END;
            if (p == end || *p != '"') break;
            field->has_quotes = true;
            p++;
        }
        field->start = (size_t)(start - bytes);
        field->length = (size_t)(p - 1 - start);
        if (!ends_field(p, end, is_last)) return p < end && *p == '\r' && p + 1 == end ? CT_END : CT_TEXT_AFTER_QUOTE;
    }
    *position = (size_t)(p - bytes);
    *is_whole = true;
    return CT_END;
}

#define CUT_ROW SIZE_MAX

// How many fields the row has, 0 when one of them has no proper end, CUT_ROW when the bytes end before it.
static size_t count_fields(const ct_rows *part, size_t position) {
    for (size_t fields = 1;; fields++) {
        ct_field field;
        bool is_whole;
        const ct_stop stop = ct_next_field(
            part->bytes, part->count, part->is_last, part->longest_field, &position, &field, &is_whole);
        if (stop != CT_END) return 0;
        if (!is_whole) return CUT_ROW;
        if (position == part->count || part->bytes[position] != ',') return fields;
        position++;
    }
}

INLINE bool is_blank(uint8_t byte) { return byte == ' ' || byte == '\t'; }

INLINE void trim(const uint8_t **text, size_t *length) {
    while (*length > 0 && is_blank(**text)) (*text)++, (*length)--;
    while (*length > 0 && is_blank((*text)[*length - 1])) (*length)--;
}

static bool is_text(const uint8_t *text, size_t length, const char *expected) {
    return strlen(expected) == length && memcmp(text, expected, length) == 0;
}

bool ct_is_missing(const uint8_t *text, size_t length) {
    static const char *const spellings[] = {"", "NA", "N/A", "NaN", "nan", "NAN", "null", "NULL", "?"};
    trim(&text, &length);
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        if (is_text(text, length, spellings[i])) return true;
    return false;
}

// A number that was not found at once: with blanks around it, in quotes, missing, or none.
#define QUOTED_NUMBER(T, SUFFIX)                                                                                         \
    static __attribute__((noinline)) ct_stop quoted_number_##SUFFIX(const uint8_t *text, size_t length, T *value) {      \
        *value = 0;                                                                                                      \
        trim(&text, &length);                                                                                            \
        if (number_##SUFFIX(text, text + length, value) == text + length && length > 0)                                  \
            return isfinite(*value) ? CT_END : CT_NOT_FINITE;                                                            \
        return ct_is_missing(text, length) ? CT_MISSING : is_infinity(text, length) ? CT_NOT_FINITE : CT_NOT_A_NUMBER;   \
    }

static bool is_infinity(const uint8_t *text, size_t length) {
    if (length > 0 && (*text == '-' || *text == '+')) text++, length--;
    static const char *const spellings[] = {"inf", "Inf", "INF", "infinity", "Infinity", "INFINITY"};
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        if (is_text(text, length, spellings[i])) return true;
    return false;
}

QUOTED_NUMBER(float, f32)
QUOTED_NUMBER(double, f64)

// FNV-1a, whose constants are the algorithm's own: G. Fowler, L. C. Noll, K.-P. Vo, 1991.
static uint64_t hash(const uint8_t *text, size_t length) {
    uint64_t h = 0xCBF29CE484222325;
    for (size_t i = 0; i < length; i++) h = (h ^ text[i]) * 0x100000001B3;
    return h ^ h >> 32;
}

void ct_labels_free(ct_labels *labels) {
    free(labels->fields);
    free(labels->hashes);
    free(labels->slots);
    *labels = (ct_labels){0};
}

static bool grow(ct_labels *labels) {
    const size_t capacity = labels->capacity == 0 ? 32 : 2 * labels->capacity, slot_count = 2 * capacity;
    ct_field *fields = realloc(labels->fields, capacity * sizeof *fields);
    if (fields != NULL) labels->fields = fields;
    uint64_t *hashes = realloc(labels->hashes, capacity * sizeof *hashes);
    if (hashes != NULL) labels->hashes = hashes;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (fields == NULL || hashes == NULL || slots == NULL || capacity > INT32_MAX) {
        free(slots);
        return false;
    }
    free(labels->slots);
    (labels->slots = slots, labels->slot_count = slot_count, labels->capacity = capacity);
    for (size_t i = 0; i < labels->count; i++) {
        size_t slot = labels->hashes[i] & (slot_count - 1);
        while (slots[slot] != 0) slot = (slot + 1) & (slot_count - 1);
        slots[slot] = (uint32_t)(i + 1);
    }
    return true;
}

// The number of a label among those seen. The same text quoted in two ways is seen as two; their reader sees one.
static ct_stop intern(ct_labels *labels, const uint8_t *bytes, ct_field field, int32_t *number) {
    if (labels->count == labels->capacity && !grow(labels)) return CT_OUT_OF_MEMORY;
    const uint64_t h = hash(bytes + field.start, field.length);
    const size_t mask = labels->slot_count - 1;
    size_t slot = h & mask;
    for (; labels->slots[slot] != 0; slot = (slot + 1) & mask) {
        const size_t i = labels->slots[slot] - 1;
        const ct_field known = labels->fields[i];
        if (labels->hashes[i] == h && known.length == field.length && known.has_quotes == field.has_quotes
            && memcmp(bytes + known.start, bytes + field.start, field.length) == 0) {
            *number = (int32_t)i;
            return CT_END;
        }
    }
    labels->fields[labels->count] = field;
    labels->hashes[labels->count] = h;
    labels->slots[slot] = (uint32_t)++labels->count;
    *number = (int32_t)(labels->count - 1);
    return CT_END;
}

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define FUNCTION(name, suffix) JOIN(name, suffix)

#define T float
#define SUFFIX f32
#define NUMBER number_f32
#include "rows.h"
#undef T
#undef SUFFIX
#undef NUMBER
#define T double
#define SUFFIX f64
#define NUMBER number_f64
#include "rows.h"

typedef uint8_t lanes __attribute__((ext_vector_type(16)));
typedef uint8_t unaligned_lanes __attribute__((ext_vector_type(16), aligned(1), may_alias));

static size_t sum(lanes v) {
    size_t total = 0;
    for (int i = 0; i < 16; i++) total += v[i];
    return total;
}

void ct_count(const uint8_t *bytes, size_t count, size_t *line_feeds, size_t *quotes) {
    size_t feeds = 0, marks = 0, i = 0;
    while (count - i >= 16) {
        // 255 is the most that a lane can count.
        const size_t steps = (count - i) / 16 < 255 ? (count - i) / 16 : 255;
        lanes feed = 0, mark = 0;
        for (size_t step = 0; step < steps; step++, i += 16) {
            const lanes v = *(const unaligned_lanes *)(bytes + i);
            feed -= (lanes)(v == '\n');
            mark -= (lanes)(v == '"');
        }
        feeds += sum(feed);
        marks += sum(mark);
    }
    for (; i < count; i++) {
        feeds += bytes[i] == '\n';
        marks += bytes[i] == '"';
    }
    *line_feeds = feeds;
    *quotes = marks;
}

size_t ct_row_start(const uint8_t *bytes, size_t count, size_t from, bool in_quotes) {
    for (size_t i = from; i < count; i++) {
        if (bytes[i] == '"') in_quotes = !in_quotes;
        if (bytes[i] == '\n' && !in_quotes) return i + 1;
    }
    return count;
}
