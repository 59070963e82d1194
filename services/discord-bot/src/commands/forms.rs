//! Forms: what is asked for before a button or a menu does something. To add one: its path and fields in [`FORMS`].

use super::input::Input;
use serde_json::{Value, json};

#[derive(Clone, Copy)]
struct Field {
    name: &'static str,
    needed: bool,
    /// Several lines.
    long: bool,
    most: u32,
    /// What stands in it at first.
    usual: &'static str,
}

const fn field(name: &'static str) -> Field {
    Field {
        name,
        needed: false,
        long: false,
        most: 100,
        usual: "",
    }
}

/// At most the length of a reason.
const fn text(name: &'static str) -> Field {
    Field {
        long: true,
        most: 1_000,
        ..field(name)
    }
}

const fn needed(of: Field) -> Field {
    Field { needed: true, ..of }
}

const FORMS: &[(&str, &[Field])] = &[
    ("warn", &[needed(text("reason"))]),
    ("note", &[needed(text("text"))]),
    ("mute", &[field("duration"), text("reason")]),
    ("kick", &[text("reason")]),
    ("ban", &[field("duration"), text("reason"), field("delete")]),
    ("report", &[text("reason")]),
    ("case undo", &[text("reason")]),
    ("clean", &[COUNT, text("reason")]),
    (MASSBAN, &[IDS, text("reason"), field("delete")]),
    (CHECK, &[RULES]),
];
/// What no option of a command could hold.
const CHECK: &str = "rules check";
const MASSBAN: &str = "massban";
const RULES: Field = page("rules");
const IDS: Field = page("ids");
const COUNT: Field = Field {
    usual: "100",
    ..needed(field("count"))
};

/// All that fits.
const fn page(name: &'static str) -> Field {
    Field {
        most: 4_000,
        ..needed(text(name))
    }
}

/// The form of what was pressed; `None` where nothing has to be asked. What was said already stands in it.
pub(super) fn form(input: &Input) -> Option<Value> {
    let (_, fields) = FORMS.iter().find(|(path, _)| *path == input.path)?;
    let tongue = input.tongue;
    let rows = fields.iter().map(|field| {
        let mut part = json!({
            "type": 4, "custom_id": field.name, "style": if field.long { 2 } else { 1 }, "required": field.needed,
            "max_length": field.most, "label": tongue.say(&format!("form.{}", field.name), &[]),
        });
        let said = input.text(field.name).unwrap_or_else(|| field.usual.to_owned());
        if !said.is_empty() {
            let most = usize::try_from(field.most).unwrap_or(usize::MAX);
            part["value"] = said.chars().take(most).collect::<String>().into();
        }
        json!({ "type": 1, "components": [part] })
    });
    let title = tongue.say(&format!("form.title.{}", input.path.replace(' ', ".")), &[]);
    let asked: Vec<&str> = fields.iter().map(|field| field.name).collect();
    Some(json!({
        "custom_id": input.custom_id(&input.path, &asked), "title": title, "components": rows.collect::<Vec<_>>(),
    }))
}

/// The form of a command that has one in place of options.
pub(super) fn of_command(input: &Input) -> Option<Value> {
    let asks = match input.path.as_str() {
        CHECK => true,
        MASSBAN => input.text("ids").is_none() && input.file().is_none(),
        _ => false,
    };
    asks.then(|| form(input)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::WORDS;

    #[test]
    fn every_form_has_its_words_in_every_language() {
        for tongue in WORDS.tongues() {
            for (path, fields) in FORMS {
                let title = tongue.find(&format!("form.title.{}", path.replace(' ', ".")));
                assert!(title.is_some_and(|title| title.chars().count() <= 45), "{path}");
                for field in *fields {
                    let label = tongue.find(&format!("form.{}", field.name));
                    assert!(
                        label.is_some_and(|label| label.chars().count() <= 45),
                        "{}",
                        field.name
                    );
                }
            }
        }
    }
}
