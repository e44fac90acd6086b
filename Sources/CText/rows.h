// The loop over the rows of a CSV file for one element type: T, its SUFFIX, its NUMBER.

void FUNCTION(ct_rows, SUFFIX)(ct_rows *part) {
    const uint8_t *const bytes = part->bytes, *const end = bytes + part->count;
    const ct_role *const roles = part->roles;
    const size_t columns = part->columns;
    T *values = part->values;
    const uint8_t *p = bytes + part->begin;
    for (;;) {
        part->consumed = (size_t)(p - bytes);
        // A line without anything is no row.
        if (p < end && *p == '\r' && (p + 1 < end ? p[1] == '\n' : part->is_last)) p++;
        if (p < end && *p == '\n') {
            p++;
            continue;
        }
        if (p == end) {
            if (part->is_last) part->consumed = part->count;
            return;
        }
        if ((size_t)(p - bytes) >= part->end) return;
        const uint8_t *const row = p;
        for (size_t column = 0;; column++) {
            const bool is_number = column < columns && roles[column] == CT_NUMBER;
            if (is_number) {
                T value;
                const uint8_t *after = NUMBER(p, end, &value);
                if (after != NULL && ends_field(after, end, part->is_last) && isfinite(value)) {
                    *values++ = value;
                    p = after;
                    goto delimiter;
                }
            }
            {
                size_t position = (size_t)(p - bytes);
                ct_field field;
                bool is_whole;
                ct_stop stop =
                    ct_next_field(bytes, part->count, part->is_last, part->longest_field, &position, &field, &is_whole);
                if (stop == CT_END && !is_whole) return;
                if (stop == CT_END && is_number) {
                    T value;
                    stop = FUNCTION(quoted_number, SUFFIX)(bytes + field.start, field.length, &value);
                    if (stop == CT_MISSING && part->keeps_missing) {
                        value = (T)NAN;
                        part->missing++;
                        stop = CT_END;
                    }
                    *values = value;
                    if (stop == CT_END) values++;
                } else if (stop == CT_END && column < columns && roles[column] == CT_LABEL) {
                    stop = field.length == 0 ? CT_MISSING_LABEL : intern(&part->labels, bytes, field, &part->classes[part->rows]);
                }
                if (stop != CT_END) {
                    // A wrong value may be one of a row that lacks a field.
                    const size_t fields = count_fields(part, (size_t)(row - bytes));
                    if (fields == CUT_ROW) return;
                    part->stop = fields == 0 || fields == columns ? stop : CT_FIELD_COUNT;
                    part->column = column;
                    part->field = field;
                    part->fields = fields;
                    return;
                }
                p = bytes + position;
            }
        delimiter:
            if (p < end && *p == ',') {
                p++;
                continue;
            }
            // The line's end.
            if (column + 1 != columns) {
                part->stop = CT_FIELD_COUNT;
                part->fields = column + 1;
                part->field.start = (size_t)(row - bytes);
                return;
            }
            if (p < end && *p == '\r') p++;
            if (p < end) p++;
            break;
        }
        part->rows++;
    }
}
