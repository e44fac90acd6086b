// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .strictMemorySafety(),
    // Spans as computed properties of our own types.
    .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
    name: "Surprisal",
    products: [
        .library(name: "Surprisal", targets: ["Surprisal"]),
        .library(name: "SurprisalIO", targets: ["SurprisalIO"]),
        .executable(name: "surprisal", targets: ["SurprisalCommand"]),
        .executable(name: "surprisal-bench", targets: ["SurprisalBenchmarks"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.7.0"),
    ],
    targets: [
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas",
            providers: [.apt(["libopenblas-dev", "pkg-config"]), .brew(["openblas"])]),
        .systemLibrary(
            name: "CLAPACKE", pkgConfig: "lapacke",
            providers: [.apt(["liblapacke-dev", "pkg-config"]), .brew(["lapack"])]),
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev", "pkg-config"]), .brew(["zlib"])]),
        .target(name: "CKernels"),
        .target(name: "CStart"),
        .target(name: "CText"),
        .target(
            name: "SurprisalKernels", dependencies: ["CKernels", "CLAPACKE", "COpenBLAS"], swiftSettings: swiftSettings),
        .target(name: "Surprisal", dependencies: ["SurprisalKernels"], swiftSettings: swiftSettings),
        .target(
            name: "SurprisalCodecs", dependencies: ["CText", "CZlib", "SurprisalKernels"], swiftSettings: swiftSettings),
        .target(
            name: "SurprisalIO",
            dependencies: [
                "Surprisal", "SurprisalCodecs", "SurprisalKernels", .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: swiftSettings),
        .target(name: "SurprisalReference", swiftSettings: [.strictMemorySafety()]),
        .target(name: "CDatasets", exclude: ["Data"]),
        .target(
            name: "SurprisalDatasets", dependencies: ["CDatasets", "SurprisalIO"], swiftSettings: swiftSettings),
        .executableTarget(
            name: "SurprisalCommand",
            dependencies: [
                "CStart", "Surprisal", "SurprisalDatasets", "SurprisalIO", "SurprisalReference",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: swiftSettings),
        .target(name: "CBenchmarks", path: "Benchmarks/CBenchmarks"),
        .executableTarget(
            name: "SurprisalBenchmarks",
            dependencies: [
                "CBenchmarks", "CStart", "Surprisal", "SurprisalDatasets", "SurprisalIO", "SurprisalKernels", "SurprisalReference",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/SurprisalBenchmarks",
            swiftSettings: swiftSettings),
        .testTarget(
            name: "SurprisalTests",
            dependencies: ["Surprisal", "SurprisalKernels", "SurprisalReference"],
            resources: [.copy("Goldens"), .copy("RegressionGoldens")],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "SurprisalKernelsTests", dependencies: ["Surprisal", "SurprisalKernels", "SurprisalReference"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "SurprisalCommandTests",
            dependencies: [
                "Surprisal", "SurprisalCommand", "SurprisalIO", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            resources: [.copy("Fixtures")],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "SurprisalBenchmarksTests", dependencies: ["SurprisalBenchmarks", "Surprisal", "SurprisalReference"],
            swiftSettings: swiftSettings),
        .testTarget(name: "SurprisalReferenceTests", dependencies: ["SurprisalReference"], swiftSettings: swiftSettings),
        .testTarget(
            name: "SurprisalIOTests",
            dependencies: [
                "Surprisal", "SurprisalCodecs", "SurprisalIO", "SurprisalKernels", .product(name: "SystemPackage", package: "swift-system"),
            ],
            exclude: ["Fixtures"], swiftSettings: swiftSettings),
    ],
    swiftLanguageModes: [.v6]
)
