//! Who is banned, as a table in a file: a line each, of number, name and reason.
//!
//! It is written as RFC 4180 has it, and read with whatever others write: with a line of names or without, the columns in any
//! order where they are named, with whichever mark stands between the first two.

/// Beyond so many nobody reads what they take over.
pub(super) const MOST: usize = 10_000;

const COLUMNS: [&str; 3] = ["id", "name", "reason"];

/// Somebody on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) reason: String,
}

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it is no text in UTF-8")]
    NoText,
    #[error("nobody is on it")]
    Empty,
    #[error("it has more than {MOST} lines")]
    TooMany,
    #[error("a quotation mark that is opened in line {line} is not closed")]
    Open { line: usize },
}

/// What a file says, line by line.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Line>, Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::NoText)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = rows(text)?.into_iter().peekable();
    let named = rows.peek().and_then(|first| columns(first));
    if named.is_some() {
        rows.next();
    }
    let mut lines = Vec::new();
    for row in rows {
        let place = named.unwrap_or(match row.len() {
            // Who writes two columns means who, and why.
            ..=2 => [Some(0), None, Some(1)],
            _ => [Some(0), Some(1), Some(2)],
        });
        let field = |place: Option<usize>| {
            let field = place.and_then(|place| row.get(place));
            field.map(|field| field.trim().to_owned()).unwrap_or_default()
        };
        let [id, name, reason] = place.map(field);
        if lines.len() == MOST {
            return Err(Unreadable::TooMany);
        }
        lines.push(Line { id, name, reason });
    }
    if lines.is_empty() {
        return Err(Unreadable::Empty);
    }
    Ok(lines)
}

/// The file of a list.
pub(super) fn write(lines: &[Line]) -> String {
    let mut text = format!("{}\r\n", COLUMNS.join(","));
    for line in lines {
        let fields = [&line.id, &harmless(&line.name), &line.reason].map(|field| quoted(field));
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

/// A name that no spreadsheet takes for a formula: people choose their own.
fn harmless(name: &str) -> String {
    match name.starts_with(['=', '+', '-', '@', '\t']) {
        true => format!("'{name}"),
        false => name.to_owned(),
    }
}

fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

/// Where each column stands, if the row names them.
fn columns(row: &[String]) -> Option<[Option<usize>; 3]> {
    let find = |names: &[&str]| {
        row.iter()
            .position(|field| names.contains(&field.trim().to_lowercase().as_str()))
    };
    let id = find(&["id", "user_id", "userid"])?;
    Some([
        Some(id),
        find(&["name", "first_name", "display_name"]),
        find(&["reason", "why"]),
    ])
}

/// The rows that say something.
fn rows(text: &str) -> Result<Vec<Vec<String>>, Unreadable> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut opened) = (1, None);
    let separators = [',', ';', '\t'];
    let separator = text.chars().find(|letter| separators.contains(letter));
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\n' {
            line += 1;
        }
        match (letter, opened) {
            ('"', Some(_)) if letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            ('"', Some(_)) => opened = None,
            (letter, Some(_)) => field.push(letter),
            ('"', None) if field.trim().is_empty() => {
                field.clear();
                opened = Some(line);
            }
            (letter, None) if Some(letter) == separator => row.push(std::mem::take(&mut field)),
            ('\n', None) => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            ('\r', None) => {}
            (letter, None) => field.push(letter),
        }
    }
    if let Some(line) = opened {
        return Err(Unreadable::Open { line });
    }
    row.push(field);
    rows.push(row);
    rows.retain(|row| row.iter().any(|field| !field.trim().is_empty()));
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, name: &str, reason: &str) -> Line {
        Line {
            id: id.to_owned(),
            name: name.to_owned(),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let lines = [
            line("7001", "Mallory", "scam, twice"),
            line("7002", "", "said \"no\"\nand went"),
            line("7003", "Ева; Смит", ""),
        ];
        let text = write(&lines);
        assert!(text.starts_with("id,name,reason\r\n7001,Mallory,\"scam, twice\"\r\n"));
        assert_eq!(read(text.as_bytes()).unwrap()[..2], lines[..2]);
        assert_eq!(read(text.as_bytes()).unwrap().len(), 3);
    }

    #[test]
    fn a_name_is_no_formula() {
        let text = write(&[line("7001", "=HYPERLINK(1)", "-")]);
        assert!(text.contains("7001,'=HYPERLINK(1),-"), "{text}");
    }

    #[test]
    fn others_write_otherwise() {
        for (text, read_as) in [
            ("7001\n", line("7001", "", "")),
            ("7001,scam", line("7001", "", "scam")),
            ("7001,Mallory,scam", line("7001", "Mallory", "scam")),
            ("\u{feff}Reason;User_ID\nscam;7001\n", line("7001", "", "scam")),
            ("\n\n 7001 ,\" a \"\r\n\r\n", line("7001", "", "a")),
        ] {
            assert_eq!(read(text.as_bytes()), Ok(vec![read_as]), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_list_is_not_taken() {
        let many = "1\n".repeat(MOST + 1);
        for (bytes, why) in [
            (&b"\xff"[..], Unreadable::NoText),
            (b"", Unreadable::Empty),
            (b"id,name,reason\r\n", Unreadable::Empty),
            (b"1,a\n2,\"b\n3", Unreadable::Open { line: 2 }),
            (many.as_bytes(), Unreadable::TooMany),
        ] {
            assert_eq!(read(bytes), Err(why));
        }
    }
}
