//! Files that come and go.

use super::super::params::{Params, need};
use super::super::refusal::{Answer, Refusal};
use super::super::world::World;
use super::messages::{LONGEST_CAPTION, around, to};
use serde_json::{Value, json};

pub(super) fn get(world: &mut World, _: i64, params: &mut Params) -> Answer {
    let id = need(params.text("file_id")?, "file_id")?;
    params.nothing_left()?;
    match world.files.get(&id) {
        Some(bytes) => Ok(json!({
            "file_id": id, "file_unique_id": format!("u{id}"), "file_size": bytes.len(), "file_path": format!("documents/{id}"),
        })),
        None => Err(Refusal::bad(
            "wrong file_id or the file is temporarily unavailable",
        )),
    }
}

pub(super) fn send_document(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = to(world, bot, params)?;
    let size = need(params.integer("document")?, "document")?;
    let caption = params.text("caption")?.unwrap_or_default();
    if caption.encode_utf16().count() > LONGEST_CAPTION {
        return Err(Refusal::bad("message caption is too long"));
    }
    let mut fields = around(world, chat, params)?;
    params.nothing_left()?;
    let file = format!("document{}", world.number());
    fields["caption"] = caption.into();
    fields["document"] = json!({ "file_id": file, "file_unique_id": format!("u{file}"), "file_size": size });
    let (_, json) = world.put(chat, bot, None, &fields);
    Ok(Value::Object(json))
}
