/// Where the labels of a table's rows come from.
public enum LabelSource: Sendable, Equatable {
  /// The column of a CSV file or the array of an NPZ or safetensors file that has one of the usual names,
  /// `LabelSource.usualNames`. Of any other file, or without such a column, there are no labels; an NPZ or safetensors file
  /// of several arrays may have none.
  case automatic
  /// Every column is a feature.
  case none
  /// A column of a CSV file or an array of an NPZ or safetensors file.
  case named(String)
  /// The same where there is one of that name, otherwise none: to pass over a trained model's labels.
  case ifNamed(String)
  /// A column, counted from 0; a negative place counts from the end, -1 being the last.
  case column(Int)
  /// Another file of one label a row: a CSV file of one column, NPY, or IDX.
  case file(String)

  public static let usualNames = ["labels", "label", "target", "class", "y"]
  /// What the features are called in an NPZ or safetensors file.
  public static let usualFeatureNames = ["features", "input", "x", "X"]
}

/// What becomes of a value that is missing: an empty field of a CSV file, NA, N/A, NaN, null or `?`; NaN of any other.
public enum MissingValues: Sendable, Equatable {
  /// It is an error, which names the place.
  case refused
  /// It is NaN, and counted: for who replaces it, by the mean of the rows that are trained on.
  case kept
}

/// Whether the first row of a CSV file holds names.
public enum CSVHeader: Sendable, Equatable {
  /// It does when no field of it, the label's aside, is a number, or when the labels' column is named in it; it does not
  /// when all of them are; otherwise it is an error.
  case automatic
  case present
  case absent
}
