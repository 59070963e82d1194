//! A worker with one rule: what says "bad" is deleted.

use lockdown_bus::{Bus, ConsumerOptions, GroupName, Handler, HandlerError, Start};
use lockdown_events::{
    Envelope, Event, Message, MessageEvent, ModerationEvent, RuleHit, TraceId, Verdict, VerdictAct,
    VerdictMode, VerdictSubject,
};
use uuid::Uuid;

pub(crate) async fn judge(bus: &Bus, mode: VerdictMode) {
    let saying = bus.clone();
    let handler = Handler::new("judge", ["message:created", "message:edited"], move |received| {
        let bus = saying.clone();
        async move {
            let Event::Message(MessageEvent::Created(message) | MessageEvent::Edited(message)) =
                &received.event
            else {
                return Ok(());
            };
            if message.content.contains("bad") {
                let verdict = verdict(message, &received.envelope, mode);
                let said = bus.publish_after(&received.envelope, "verdict", &verdict).await;
                said.map_err(|error| HandlerError::Again(error.to_string()))?;
            }
            Ok(())
        }
    });
    let group = GroupName::new("test.judge").unwrap();
    bus.consume(group, &Start::Oldest, vec![handler], ConsumerOptions::default())
        .await
        .unwrap();
}

fn verdict(message: &Message, envelope: &Envelope, mode: VerdictMode) -> Event {
    ModerationEvent::Automod(Verdict {
        platform: message.platform,
        guild_id: message.guild_id.clone(),
        subject: VerdictSubject::Message,
        event_id: envelope.event_id,
        user_id: message.author_id.clone(),
        channel_id: Some(message.channel_id.clone()),
        message_id: Some(message.message_id.clone()),
        mode,
        rules: vec![RuleHit {
            rule: "no-bad-words".to_owned(),
            policy: None,
            span: None,
        }],
        actions: vec![VerdictAct {
            act: "delete".to_owned(),
            argument: None,
            messages: Vec::new(),
            roles: Vec::new(),
        }],
        rule_set_hash: "00".to_owned(),
        trace_id: TraceId(Uuid::nil()),
        explanation: None,
    })
    .into()
}
