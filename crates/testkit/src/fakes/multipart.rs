//! Forms with files, as both platforms take them.

/// One part of a form.
pub(super) struct Part<'a> {
    pub(super) name: &'a str,
    /// The name of the file that it is; absent where it is a field.
    pub(super) file: Option<&'a str>,
    pub(super) content: &'a [u8],
}

/// The parts of a body of this media type; `None` where it is no sound form.
pub(super) fn parts<'a>(media: &str, body: &'a [u8]) -> Option<Vec<Part<'a>>> {
    let (_, boundary) = media
        .strip_prefix("multipart/form-data")?
        .split_once("boundary=")?;
    let mark = format!("--{}", boundary.trim_matches('"'));
    let mut parts = Vec::new();
    let mut rest = &body[find(body, mark.as_bytes())? + mark.len()..];
    while !rest.starts_with(b"--") {
        let end = find(rest, mark.as_bytes())?;
        let (part, after) = (&rest[..end], &rest[end + mark.len()..]);
        rest = after;
        let head = find(part, b"\r\n\r\n")?;
        let content = part[head + 4..].strip_suffix(b"\r\n")?;
        let head = std::str::from_utf8(&part[..head]).ok()?;
        let named = |name: &str| head.split(&format!("{name}=\"")).nth(1)?.split('"').next();
        parts.push(Part {
            name: named(" name")?,
            file: named("filename"),
            content,
        });
    }
    Some(parts)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_to_the_byte() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n17\r\n\
            --x\r\nContent-Disposition: form-data; filename=\"a.png\"; name=\"0\"\r\n\
            Content-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\r\n--x--\r\n";
        for media in [
            "multipart/form-data; boundary=x",
            "multipart/form-data; boundary=\"x\"",
        ] {
            let parts = parts(media, body).unwrap();
            let read: Vec<_> = parts
                .iter()
                .map(|part| (part.name, part.file, part.content))
                .collect();
            assert_eq!(
                read,
                [
                    ("chat_id", None, &b"17"[..]),
                    ("0", Some("a.png"), b"\x89PNG\r\n\x1a\n")
                ]
            );
        }
        assert!(parts("application/json", body).is_none());
        assert!(parts("multipart/form-data; boundary=x", &body[..90]).is_none());
    }
}
