import SurprisalReference

/// Three rows of four logits and what PyTorch 2.13 makes of them in float64, to the digits it printed.
enum ExampleA {
  static let shape = ReferenceShape(outer: 3, classes: 4)
  static let logits: [Double] = [1, 2, 3, 0.5, -1, 0.25, 0, 2, 4, -3, 1.5, 1]
  static let labels = [2, 0, 3]
  static let weights = [0.5, 2, 1.5, 0.25]
  static let smoothing = 0.1
  static let probabilities = [0.1, 0.2, 0.6, 0.1, 0.7, 0.1, 0.1, 0.1, 0, 0, 0.25, 0.75]

  /// One line of PyTorch's table: the arguments, and what every reduction gave.
  struct Case: Sendable {
    var weighted = false
    var smoothed = false
    var ignored: Int?
    let losses: [Double]
    let sum: Double
    let mean: Double

    var weights: [Double]? { weighted ? ExampleA.weights : nil }
    var labelSmoothing: Double { smoothed ? ExampleA.smoothing : 0 }
  }

  static let labelCases: [Case] = [
    Case(
      losses: [0.460773489157, 3.306672822511, 3.124678274504], sum: 6.892124586172,
      mean: 2.297374862057),
    Case(
      weighted: true, losses: [0.691160233735, 1.653336411256, 0.781169568626], sum: 3.125666213617,
      mean: 1.389184983830),
    Case(
      smoothed: true, losses: [0.598273489157, 3.175422822511, 3.137178274504], sum: 6.910874586172,
      mean: 2.303624862057),
    Case(
      weighted: true, smoothed: true, losses: [0.761626393585, 1.720586757522, 1.178799678430],
      sum: 3.661012829536, mean: 1.627116813127),
    Case(
      ignored: 0, losses: [0.460773489157, 0, 3.124678274504], sum: 3.585451763661,
      mean: 1.792725881831),
    Case(
      weighted: true, ignored: 0, losses: [0.691160233735, 0, 0.781169568626], sum: 1.472329802361,
      mean: 0.841331315635),
    Case(
      smoothed: true, ignored: 0, losses: [0.598273489157, 0, 3.137178274504], sum: 3.735451763661,
      mean: 1.867725881831),
    Case(
      weighted: true, smoothed: true, ignored: 0, losses: [0.761626393585, 0, 1.178799678430],
      sum: 1.940426072014, mean: 1.108814898294),
  ]

  static let probabilityCases: [Case] = [
    Case(
      losses: [1.110773489157, 2.781672822511, 2.999678274504], sum: 6.892124586172,
      mean: 2.297374862057),
    Case(
      weighted: true, losses: [1.196063547591, 1.922337796321, 1.570131529409], sum: 4.688532873320,
      mean: 1.562844291107),
    Case(
      smoothed: true, losses: [1.183273489157, 2.702922822511, 3.024678274504], sum: 6.910874586172,
      mean: 2.303624862057),
    Case(
      weighted: true, smoothed: true, losses: [1.216039376055, 1.962688004080, 1.888865443134],
      sum: 5.067592823269, mean: 1.689197607756),
  ]
}
