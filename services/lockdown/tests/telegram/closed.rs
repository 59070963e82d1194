//! A group that is closed by the API.

use crate::town::Town;
use lockdown_testkit::fakes::telegram::Permissions;
use serde_json::json;

crate::town::sizes!(a_lockdown_of_the_api_closes_the_group_and_its_end_opens_it);

async fn a_lockdown_of_the_api_closes_the_group_and_its_end_opens_it(town: Town) {
    let (chat, mallory) = (town.chat, town.mallory);
    // Not everything was allowed before.
    town.telegram
        .set_defaults(chat, Permissions::of(&["can_send_messages", "can_invite_users"]));
    let may = |what: &str| town.telegram.may(chat, mallory, what);
    town.route("raiseMode", [], Some(json!({ "mode": "lockdown" })))
        .await;
    town.until("nobody speaks", || {
        !may("can_send_messages") && !may("can_invite_users")
    })
    .await;
    let lockdown = [("mode".to_owned(), "lockdown".to_owned())];
    town.route("endMode", lockdown, None).await;
    town.until("everybody speaks", || {
        may("can_send_messages") && may("can_invite_users")
    })
    .await;
    assert!(!may("can_send_polls"), "what nobody might do before");
    town.stop().await;
}
