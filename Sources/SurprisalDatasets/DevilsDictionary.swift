import CDatasets

/// Ambrose Bierce, "The Devil's Dictionary", 1911; in the public domain.
package enum DevilsDictionary {
    package static var text: [UInt8] { unsafe surprisal_devils_dictionary_txt.contents }
}
