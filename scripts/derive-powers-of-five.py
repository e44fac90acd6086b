#!/usr/bin/env python3
"""Writes Sources/CText/powers_of_five.h: the powers of five from -342 to 308 to 128 bits.

Five to the q, scaled by a power of two to 2^127 up to 2^128. Positive powers are truncated, negative ones rounded up, which
is what the proof of the conversion asks for. Source: D. Lemire, "Number parsing at a gigabyte per second", Software:
Practice and Experience 51 (2021), and its appendix; N. Mushtak, D. Lemire, "Fast number parsing without fallback", 2022.
-342 is where 19 digits are below half of the least double, 308 where one digit is above the largest.
"""

from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "Sources" / "CText" / "powers_of_five.h"
LEAST, LARGEST = -342, 308


def scaled(q):
    if q >= 0:
        power = 5**q
        return power << (128 - power.bit_length()) if power.bit_length() <= 128 else power >> (power.bit_length() - 128)
    power = 5**-q
    bits = 127 + power.bit_length()
    value = (1 << bits) // power + 1
    # From -27 on, the reciprocal of a power that fits into 64 bits is exact enough as it is.
    return value if q >= -27 else ((1 << 2 * power.bit_length() + 128) // power + 1) >> (power.bit_length() + 1)


rows = []
for q in range(LEAST, LARGEST + 1):
    value = scaled(q)
    assert 1 << 127 <= value < 1 << 128, q
    rows.append(f"    {{0x{value >> 64:016x}, 0x{value & (1 << 64) - 1:016x}}},")
TARGET.write_text(
    "// Written by scripts/derive-powers-of-five.py.\n\n"
    f"#define CT_LEAST_POWER ({LEAST})\n#define CT_LARGEST_POWER {LARGEST}\n\n"
    "// The upper and the lower 64 bits of five to the power CT_LEAST_POWER + index.\n"
    "static const uint64_t powers_of_five[][2] = {\n" + "\n".join(rows) + "\n};\n"
)
