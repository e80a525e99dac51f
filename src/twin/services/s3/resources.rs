pub fn resources() -> Vec<Box<dyn crate::twin::formation::ResourceHandler>> {
    Vec::new()
}
