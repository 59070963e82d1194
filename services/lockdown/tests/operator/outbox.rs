//! `lockdown outbox`.

use super::installation::Installation;
use lockdown_events::{AuditLogged, Envelope, Event, EventId, ModerationEvent, Platform, Source};
use lockdown_store::outbox::lane;
use lockdown_store::{StoreError, in_read, in_tx};
use serde_json::Value;

pub(crate) async fn what_the_bus_refused_is_put_back_or_dropped(installation: Installation) {
    let guild = installation.guild("100").await;
    let none = installation.lockdown(&["outbox", "list"]);
    assert_eq!(
        (none.code, none.said.as_str(), none.complained.as_str()),
        (0, "", "The bus has refused nothing.\n")
    );
    let now = installation.clock.now();
    let events: Vec<Envelope> = (1..=3)
        .map(|sequence| {
            let body = AuditLogged {
                platform: Platform::Discord,
                guild_id: guild.native_id.clone(),
                sequence,
                actor: "system".into(),
                actor_id: None,
                act: "test".into(),
                subject: "case:1".into(),
                hash: String::new(),
            };
            let event = Event::Moderation(ModerationEvent::AuditLogged(body));
            Envelope::new(
                EventId(installation.ids.next()),
                now,
                Source::Backend,
                None,
                &event,
            )
            .unwrap()
        })
        .collect();
    in_tx!(installation.store, |tx| {
        for event in &events {
            tx.publish(guild.id, event, now).await?;
        }
        Ok::<_, StoreError>(())
    })
    .unwrap();
    in_tx!(installation.store, |tx| {
        for pending in tx.outbox_page(lane(guild.id), 10).await? {
            tx.park_event(pending.id, "too large", now).await?;
        }
        Ok::<_, StoreError>(())
    })
    .unwrap();

    let listed = installation.lockdown(&["outbox", "list", "--json"]).json();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(listed[0]["eventId"], events[0].event_id.to_string());
    let id = |at: usize| listed[at]["id"].to_string();
    let text = installation.lockdown(&["outbox", "list"]).said;
    assert!(
        text.lines().count() == 3 && text.contains("audit:logged: too large"),
        "{text}"
    );

    let said = installation.lockdown(&["outbox", "put-back", &id(1)]).said;
    assert_eq!(said, "1 event waits for the bus again.\n");
    let twice = installation.lockdown(&["outbox", "put-back", &id(1)]);
    assert_eq!(twice.code, 1);
    assert!(
        twice.complained.contains("no refused event has the number"),
        "{twice:?}"
    );
    assert_eq!(
        installation.lockdown(&["outbox", "drop", &id(0)]).said,
        "1 event is gone.\n"
    );
    assert_eq!(
        installation.lockdown(&["outbox", "put-back", "--all"]).said,
        "1 event waits for the bus again.\n"
    );
    assert_eq!(
        installation.lockdown(&["outbox", "list", "--json"]).json(),
        Value::Array(vec![])
    );
    let waiting = in_read!(installation.store, |conn| { conn.outbox_waiting().await });
    assert_eq!(waiting.unwrap(), 2);
    assert_eq!(installation.lockdown(&["outbox", "drop"]).code, 2, "which?");
}
