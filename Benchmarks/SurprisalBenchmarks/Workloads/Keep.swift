/// Takes a result as if it were used, so that the compiler does not leave out what computes it.
@inline(never)
func keep<Value>(_ value: Value) {}
