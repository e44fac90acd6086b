/// A text as words and punctuation marks, each the index of a class.
struct Book {
    /// Every word and mark that occurs, once, in the order of their bytes.
    let vocabulary: [String]
    /// The text, as places in the vocabulary.
    let words: [Int]
    /// The last tenth of the text begins here.
    var heldOut: Int { words.count / 10 * 9 }

    init(_ text: [UInt8]) {
        let all = Self.words(of: text)
        vocabulary = Set(all).sorted()
        let places = Dictionary(uniqueKeysWithValues: vocabulary.enumerated().map { ($1, $0) })
        words = all.compactMap { places[$0] }
    }

    /// Letters in lower case and digits make words, apostrophes between two of them too; underscores, which stand for
    /// italics, and blanks end them; anything else is a mark.
    static func words(of text: [UInt8]) -> [String] {
        var words: [String] = [], word: [UInt8] = []
        func isWord(_ place: Int) -> Bool {
            guard text.indices.contains(place) else { return false }
            switch text[place] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): return true
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): return true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): return true
            default: return false
            }
        }
        for (place, byte) in text.enumerated() {
            let isApostrophe = byte == UInt8(ascii: "'") && isWord(place - 1) && isWord(place + 1)
            if isWord(place) || isApostrophe {
                // The bit between a letter's cases; digits and the apostrophe have it.
                word.append(byte | 0x20)
                continue
            }
            if !word.isEmpty {
                words.append(String(decoding: word, as: UTF8.self))
                word = []
            }
            let isBlank = byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "_")
            if !isBlank { words.append(String(decoding: [byte], as: UTF8.self)) }
        }
        if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
        return words
    }

    /// The words before each of these places, one context after the other.
    func contexts(of places: some Sequence<Int>) -> [Int] {
        places.flatMap { words[$0 - WordModel.contextLength..<$0] }
    }

    /// How often each word occurs before the last tenth, and once more: so that none is impossible.
    var counts: [Double] {
        var counts = [Double](repeating: 1, count: vocabulary.count)
        for word in words[..<heldOut] { counts[word] += 1 }
        return counts
    }

    /// The place of a word that occurs in the text.
    func place(of word: String) -> Int {
        guard let place = vocabulary.firstIndex(of: word) else { fatalError("Book: no word \(word)") }
        return place
    }
}
