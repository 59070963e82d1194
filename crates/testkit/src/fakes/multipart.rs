//! Forms with files, as both platforms take them.

/// One part of a form.
pub(super) struct Part {
    pub(super) name: String,
    /// The name of the file that it is; absent where it is a field.
    pub(super) file: Option<String>,
    /// What a test sends is small, and what is no text is only looked at by how it begins.
    pub(super) text: String,
}

/// The parts of a body.
pub(super) fn parts(boundary: &str, body: &[u8]) -> Vec<Part> {
    let text = String::from_utf8_lossy(body);
    let mut parts = Vec::new();
    for part in text.split(&format!("--{boundary}")) {
        let Some((head, content)) = part.split_once("\r\n\r\n") else {
            continue;
        };
        let content = content.strip_suffix("\r\n").unwrap_or(content);
        let named = |name: &str| head.split(&format!("{name}=\"")).nth(1)?.split('"').next();
        if let Some(name) = named(" name") {
            parts.push(Part {
                name: name.to_owned(),
                file: named("filename").map(str::to_owned),
                text: content.to_owned(),
            });
        }
    }
    parts
}
