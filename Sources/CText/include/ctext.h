#ifndef CTEXT_H
#define CTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// The number that begins at `text` and ends at or before `end`: `[+-] digits [. digits] [e [+-] digits]`, a digit on one
/// side of the point at least. To the nearest float or double, ties to even; beyond the largest it is infinite.
///
/// Returns the byte after it, NULL when none begins there.
const uint8_t *_Nullable ct_number_f32(const uint8_t *text, const uint8_t *end, float *value);
const uint8_t *_Nullable ct_number_f64(const uint8_t *text, const uint8_t *end, double *value);

/// What a column of a CSV file is.
typedef enum __attribute__((enum_extensibility(closed))) ct_role {
    CT_NUMBER __attribute__((swift_name("number"))) = 0,
    CT_LABEL __attribute__((swift_name("label"))) = 1,
    CT_IGNORED __attribute__((swift_name("ignored"))) = 2,
} ct_role;

typedef enum __attribute__((enum_extensibility(closed))) ct_stop {
    /// At the end, or before a row that the end cuts.
    CT_END __attribute__((swift_name("end"))) = 0,
    CT_MISSING __attribute__((swift_name("missing"))),
    CT_MISSING_LABEL __attribute__((swift_name("missingLabel"))),
    CT_NOT_A_NUMBER __attribute__((swift_name("notANumber"))),
    CT_NOT_FINITE __attribute__((swift_name("notFinite"))),
    CT_FIELD_COUNT __attribute__((swift_name("fieldCount"))),
    CT_STRAY_QUOTE __attribute__((swift_name("strayQuote"))),
    CT_TEXT_AFTER_QUOTE __attribute__((swift_name("textAfterQuote"))),
    CT_UNCLOSED_QUOTE __attribute__((swift_name("unclosedQuote"))),
    CT_FIELD_TOO_LONG __attribute__((swift_name("fieldTooLong"))),
    CT_OUT_OF_MEMORY __attribute__((swift_name("outOfMemory"))),
} ct_stop;

/// Where the text of a field lies, without its quotes.
typedef struct ct_field {
    size_t start, length;
    /// Two quotes in it stand for one.
    bool has_quotes;
} ct_field;

/// The distinct labels of some rows, in the order in which they were first seen.
typedef struct ct_labels {
    ct_field *_Nullable fields;
    uint64_t *_Nullable hashes;
    size_t count, capacity;
    /// Open addressing: a label's number and 1, or 0. As many as a power of two.
    uint32_t *_Nullable slots;
    size_t slot_count;
} ct_labels;

void ct_labels_free(ct_labels *labels);

/// Some rows of a CSV file: what is asked, and what was found.
typedef struct ct_rows {
    const uint8_t *_Nullable bytes;
    /// `begin` is where a row begins; rows that begin at `end` or after it are another part's.
    size_t begin, end;
    /// Where the bytes end.
    size_t count;
    /// Whether the file ends there as well.
    bool is_last;
    /// Whether a missing value is NaN, and no error.
    bool keeps_missing;
    const ct_role *_Nullable roles;
    size_t columns;
    size_t longest_field;
    /// Room for as many rows as there are line feeds between `begin` and `end`, and one.
    void *_Nullable values;
    int32_t *_Nullable classes;

    ct_labels labels;
    size_t rows, missing;
    /// After the last whole row.
    size_t consumed;
    ct_stop stop;
    /// Where it stopped: the column from 0, the field, how many fields the row has.
    size_t column, fields;
    ct_field field;
} ct_rows;

void ct_rows_f32(ct_rows *rows);
void ct_rows_f64(ct_rows *rows);

/// The next field from `*position` on, which is moved to the comma, the line's end or the file's end after it.
///
/// Returns CT_END with `*is_whole` false when the bytes end before the field does.
ct_stop ct_next_field(
    const uint8_t *bytes, size_t count, bool is_last, size_t longest_field, size_t *position, ct_field *field,
    bool *is_whole);

/// Whether text, which may have blanks around it, stands for a value that is missing.
bool ct_is_missing(const uint8_t *text, size_t length);

/// Line feeds and quotes.
void ct_count(const uint8_t *bytes, size_t count, size_t *line_feeds, size_t *quotes);

/// The byte after the first line feed outside of quotes, `count` when there is none.
size_t ct_row_start(const uint8_t *bytes, size_t count, size_t from, bool in_quotes);

#pragma clang assume_nonnull end

#endif
