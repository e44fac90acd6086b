extension Tensor {
    /// The same elements in the same order under another shape of as many elements. O(1).
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func reshaped(to shape: Shape) -> Tensor {
        if shape.elementCount != count {
            fatalError("reshaped: shape \(self.shape) has \(count) elements, \(shape) \(shape.elementCount)")
        }
        let old = self.shape
        return Tensor(
            shape: shape, buffer: buffer, from: "Reshape", edges: edge { Tensor(shape: old, buffer: $0.buffer) })
    }
}
