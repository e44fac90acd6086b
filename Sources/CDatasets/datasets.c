#include "datasets.h"

// Swift compiles a literal of 650,000 numbers in a minute, the C compiler embeds a file in no time.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char digits_csv[] = {
#embed "Data/digits.csv"
};
static const unsigned char iris_csv[] = {
#embed "Data/iris.csv"
};
static const unsigned char devils_dictionary_txt[] = {
#embed "Data/devils-dictionary.txt"
};

const struct surprisal_dataset surprisal_digits_csv = {digits_csv, sizeof digits_csv};
const struct surprisal_dataset surprisal_iris_csv = {iris_csv, sizeof iris_csv};
const struct surprisal_dataset surprisal_devils_dictionary_txt = {devils_dictionary_txt, sizeof devils_dictionary_txt};
