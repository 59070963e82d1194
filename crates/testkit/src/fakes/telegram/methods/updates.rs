//! How updates come.

use super::super::params::{Params, need};
use super::super::refusal::{Answer, Refusal};
use super::super::updates::{Queue, Webhook};
use super::super::world::World;
use super::done;
use serde_json::json;

fn queue(world: &mut World, bot: i64) -> Answer<&mut Queue> {
    world.queues.get_mut(&bot).ok_or_else(Refusal::unauthorized)
}

pub(super) fn set_webhook(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let url = need(params.text("url")?, "url")?;
    let secret = params.text("secret_token")?;
    let allowed = params.texts("allowed_updates")?;
    let drop_pending = params.boolean("drop_pending_updates")?;
    params.ignore(&["ip_address", "max_connections"]);
    params.nothing_left()?;
    let is_secret = |text: &String| {
        (1..=256).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    if secret.as_ref().is_some_and(|secret| !is_secret(secret)) {
        return Err(Refusal::bad("secret token contains unallowed characters"));
    }
    let queue = queue(world, bot)?;
    queue.allow(allowed);
    if drop_pending {
        queue.waiting.clear();
    }
    queue.webhook = (!url.is_empty()).then_some(Webhook { url, secret });
    queue.turn += 1;
    queue.woken.notify_waiters();
    done()
}

pub(super) fn delete_webhook(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let drop_pending = params.boolean("drop_pending_updates")?;
    params.nothing_left()?;
    let queue = queue(world, bot)?;
    queue.webhook = None;
    queue.turn += 1;
    if drop_pending {
        queue.waiting.clear();
    }
    done()
}

pub(super) fn webhook_info(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    params.nothing_left()?;
    let queue = queue(world, bot)?;
    let url = queue.webhook.as_ref().map_or("", |webhook| &webhook.url);
    Ok(json!({ "url": url, "has_custom_certificate": false, "pending_update_count": queue.waiting.len() }))
}
