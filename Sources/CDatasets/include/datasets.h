#ifndef SURPRISAL_DATASETS_H
#define SURPRISAL_DATASETS_H

#include <stddef.h>

/// A file's bytes, part of the program.
struct surprisal_dataset {
    const unsigned char *bytes;
    size_t count;
};

extern const struct surprisal_dataset surprisal_digits_csv;
extern const struct surprisal_dataset surprisal_iris_csv;
extern const struct surprisal_dataset surprisal_devils_dictionary_txt;

#endif
