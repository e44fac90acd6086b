// Decimal text to the nearest binary number.
//
// Three ways, each exact: of few digits and a small exponent the digits and the power of ten are numbers themselves, and one
// product or quotient rounds once (W. D. Clinger, "How to read floating point numbers accurately", PLDI 1990); otherwise the
// upper half of the digits times a power of five to 128 bits settles nearly everything (Lemire 2021, as in
// scripts/derive-powers-of-five.py); what it leaves open, C's strtod decides.

// strtod_l
#define _GNU_SOURCE

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctext.h"
#include "powers_of_five.h"

#define INLINE static inline __attribute__((always_inline))

typedef struct decimal {
    // The first 19 significant digits.
    uint64_t digits;
    int64_t exponent;
    bool is_negative;
    // Digits follow that are not among them.
    bool is_cut;
} decimal;

INLINE uint64_t eight_bytes(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

INLINE bool are_digits(uint64_t word) {
    return (((word + 0x4646464646464646) | (word - 0x3030303030303030)) & 0x8080808080808080) == 0;
}

// Pairs, then fours, then eight: each product puts two neighbours' sum into the upper one.
INLINE uint64_t eight_digits(uint64_t word) {
    word -= 0x3030303030303030;
    word = word * 10 + (word >> 8);
    return (((word & 0x000000FF000000FF) * 0x000F424000000064 + ((word >> 16) & 0x000000FF000000FF) * 0x0000271000000001)
            >> 32) & 0xFFFFFFFF;
}

INLINE bool is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

INLINE const uint8_t *scan_digits(const uint8_t *p, const uint8_t *end, uint64_t *digits) {
    while (end - p >= 8) {
        const uint64_t word = eight_bytes(p);
        if (!are_digits(word)) break;
        *digits = *digits * 100000000 + eight_digits(word);
        p += 8;
    }
    while (p < end && is_digit(*p)) *digits = *digits * 10 + (uint64_t)(*p++ - '0');
    return p;
}

// The digits when there are more than 19 of them, zeros in front included.
static void cut_digits(const uint8_t *p, const uint8_t *end, const uint8_t *point, decimal *d) {
    d->digits = 0;
    size_t kept = 0;
    int64_t exponent = 0;
    for (; p < end; p++) {
        if (p == point) continue;
        const bool is_fraction = point != NULL && p > point;
        if (kept < 19) {
            d->digits = d->digits * 10 + (uint64_t)(*p - '0');
            if (d->digits != 0) kept++;
            if (is_fraction) exponent--;
        } else {
            if (*p != '0') d->is_cut = true;
            if (!is_fraction) exponent++;
        }
    }
    d->exponent = exponent;
}

INLINE const uint8_t *scan(const uint8_t *p, const uint8_t *end, decimal *d) {
    *d = (decimal){0};
    if (p < end && (*p == '-' || *p == '+')) d->is_negative = *p++ == '-';
    const uint8_t *start = p, *point = NULL;
    // Few digits are the rule in front of the point: one at a time.
    while (p < end && is_digit(*p)) d->digits = d->digits * 10 + (uint64_t)(*p++ - '0');
    size_t count = (size_t)(p - start);
    if (p < end && *p == '.') {
        point = p++;
        const uint8_t *fraction = p;
        p = scan_digits(p, end, &d->digits);
        d->exponent = fraction - p;
        count += (size_t)(p - fraction);
    }
    if (count == 0) return NULL;
    if (count > 19) cut_digits(start, p, point, d);
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        bool is_negative = false;
        if (p < end && (*p == '-' || *p == '+')) is_negative = *p++ == '-';
        if (p == end || !is_digit(*p)) return NULL;
        int64_t exponent = 0;
        // Beyond it no field's digits could bring the number back into range.
        for (; p < end && is_digit(*p); p++) if (exponent < 1000000000000) exponent = exponent * 10 + (*p - '0');
        d->exponent += is_negative ? -exponent : exponent;
    }
    return p;
}

// Bits of the fraction, the exponent of the least normal number less 1, the exponent's field of infinity; powers of ten below
// which nothing is left and above which everything is infinite; and those for which a number of 64 bits can lie halfway
// between two others.
typedef struct binary {
    int fraction, least_exponent, infinite, smallest, largest, least_half, largest_half;
} binary;

#define BINARY32 ((binary){23, -127, 0xFF, -64, 38, -17, 10})
#define BINARY64 ((binary){52, -1023, 0x7FF, CT_LEAST_POWER, CT_LARGEST_POWER, -4, 23})

// The bits of digits · 10^q without a sign, or false where 128 bits do not settle them.
INLINE bool settle(uint64_t digits, int64_t q, binary format, uint64_t *bits) {
    const uint64_t infinity = (uint64_t)format.infinite << format.fraction;
    if (digits == 0 || q < format.smallest) {
        *bits = 0;
        return true;
    }
    if (q > format.largest) {
        *bits = infinity;
        return true;
    }
    const int zeros = __builtin_clzll(digits);
    digits <<= zeros;
    const uint64_t *power = powers_of_five[q - CT_LEAST_POWER];
    // The product's upper half holds what is kept, a bit for rounding, and one more as it may begin with a zero.
    const int precision = format.fraction + 3;
    const uint64_t rest = ~(uint64_t)0 >> precision;
    unsigned __int128 product = (unsigned __int128)digits * power[0];
    if (((uint64_t)(product >> 64) & rest) == rest) product += (uint64_t)(((unsigned __int128)digits * power[1]) >> 64);
    const uint64_t upper = (uint64_t)(product >> 64), lower = (uint64_t)product;
    if (lower == ~(uint64_t)0 && (q < -27 || q > 55)) return false;
    const int top = (int)(upper >> 63), shift = top + 64 - precision;
    uint64_t mantissa = upper >> shift;
    // floor(q·log2(10)) + 63, right for every q of the table.
    int exponent = (int)(((152170 + 65536) * q) >> 16) + 63 + top - zeros - format.least_exponent;
    if (exponent <= 0) {
        if (1 - exponent >= 64) {
            *bits = 0;
            return true;
        }
        mantissa >>= 1 - exponent;
        mantissa = (mantissa + (mantissa & 1)) >> 1;
        // Rounded up to the least normal number, the carry is its exponent.
        *bits = mantissa;
        return true;
    }
    // Exactly halfway to the even number below: not up.
    if (lower <= 1 && q >= format.least_half && q <= format.largest_half && (mantissa & 3) == 1
        && mantissa << shift == upper)
        mantissa &= ~(uint64_t)1;
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if (mantissa >= (uint64_t)2 << format.fraction) {
        mantissa = (uint64_t)1 << format.fraction;
        exponent++;
    }
    *bits = exponent >= format.infinite
        ? infinity
        : (mantissa & ~((uint64_t)1 << format.fraction)) | (uint64_t)exponent << format.fraction;
    return true;
}

INLINE bool settle_decimal(const decimal *d, binary format, uint64_t *bits) {
    if (!settle(d->digits, d->exponent, format, bits)) return false;
    if (!d->is_cut) return true;
    // The digits that were cut lie between these and the next.
    uint64_t above;
    return settle(d->digits + 1, d->exponent, format, &above) && above == *bits;
}

// Calls `strtod` in a locale whose point is a point.
typedef struct long_number {
    char *text;
    char few[256];
} long_number;

static locale_t plain_locale;
static void make_plain_locale(void) { plain_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

static locale_t long_number_begin(long_number *number, const uint8_t *text, size_t length) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_plain_locale);
    number->text = length < sizeof number->few ? number->few : malloc(length + 1);
    // A wrong number would be worse than none.
    if (number->text == NULL || plain_locale == (locale_t)0) abort();
    memcpy(number->text, text, length);
    number->text[length] = 0;
    return plain_locale;
}

static void long_number_end(long_number *number) {
    if (number->text != number->few) free(number->text);
}

static __attribute__((noinline)) double long_number_f64(const uint8_t *text, size_t length) {
    long_number number;
    const locale_t locale = long_number_begin(&number, text, length);
    const double value = strtod_l(number.text, NULL, locale);
    long_number_end(&number);
    return value;
}

static __attribute__((noinline)) float long_number_f32(const uint8_t *text, size_t length) {
    long_number number;
    const locale_t locale = long_number_begin(&number, text, length);
    const float value = strtof_l(number.text, NULL, locale);
    long_number_end(&number);
    return value;
}

// Powers of ten that the type holds exactly.
static const double powers_of_ten_f64[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                           1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
static const float powers_of_ten_f32[] = {1e0f, 1e1f, 1e2f, 1e3f, 1e4f, 1e5f, 1e6f, 1e7f, 1e8f, 1e9f, 1e10f};

INLINE const uint8_t *number_f64(const uint8_t *text, const uint8_t *end, double *value) {
    decimal d;
    const uint8_t *after = scan(text, end, &d);
    if (after == NULL) return NULL;
    if (d.digits <= (uint64_t)1 << 53 && d.exponent >= -22 && d.exponent <= 22 && !d.is_cut) {
        const double digits = (double)d.digits;
        *value = d.exponent < 0 ? digits / powers_of_ten_f64[-d.exponent] : digits * powers_of_ten_f64[d.exponent];
        if (d.is_negative) *value = -*value;
        return after;
    }
    uint64_t bits;
    if (settle_decimal(&d, BINARY64, &bits)) {
        bits |= (uint64_t)d.is_negative << 63;
        memcpy(value, &bits, sizeof bits);
    } else {
        *value = long_number_f64(text, (size_t)(after - text));
    }
    return after;
}

INLINE const uint8_t *number_f32(const uint8_t *text, const uint8_t *end, float *value) {
    decimal d;
    const uint8_t *after = scan(text, end, &d);
    if (after == NULL) return NULL;
    if (d.digits <= (uint64_t)1 << 24 && d.exponent >= -10 && d.exponent <= 10 && !d.is_cut) {
        const float digits = (float)d.digits;
        *value = d.exponent < 0 ? digits / powers_of_ten_f32[-d.exponent] : digits * powers_of_ten_f32[d.exponent];
        if (d.is_negative) *value = -*value;
        return after;
    }
    uint64_t bits;
    if (settle_decimal(&d, BINARY32, &bits)) {
        const uint32_t narrow = (uint32_t)bits | (uint32_t)d.is_negative << 31;
        memcpy(value, &narrow, sizeof narrow);
    } else {
        *value = long_number_f32(text, (size_t)(after - text));
    }
    return after;
}
