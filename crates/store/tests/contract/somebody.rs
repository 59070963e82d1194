//! Somebody of whom every table knows something.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use lockdown_events::{Envelope, MessageId, MessageRef};
use lockdown_store::StoreError;
use lockdown_store::cases::{Case, CaseEventKind};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::GuildKey;
use lockdown_store::in_tx;
use lockdown_store::notes::{Note, NoteId};
use lockdown_store::people::{Identity, IdentityId};
use lockdown_store::points::{PointEntry, PointEntryId};
use lockdown_store::sanctions::SanctionState;
use serde_json::json;
use uuid::Uuid;

/// Stands in every text that is written about the person, and in no other.
pub(crate) const MARK: &str = "zanzibar";
pub(crate) const NATIVE: &str = "5311098765";

fn about(case: &Case) -> Envelope {
    let text = json!({
        "eventId": case.id, "eventType": "ban:created", "timestamp": case.created_at, "source": "backend",
        "correlationId": case.id, "version": 1,
        "data": {
            "platform": "discord", "guildId": "100", "id": case.id, "caseNumber": case.number, "userId": NATIVE,
            "moderatorId": "1", "reason": format!("{MARK} said it"), "expiresAt": null,
        },
    });
    Envelope::decode(&text.to_string()).unwrap()
}

pub(crate) async fn add_note(fixture: &Fixture, guild: GuildKey, subject: IdentityId, body: &str) -> NoteId {
    let note = Note {
        id: NoteId(fixture.ids.next()),
        guild_id: guild,
        subject_id: subject,
        author_id: Some(fixture.alice),
        body: body.into(),
        pinned: false,
        created_at: fixture.now(),
        updated_at: fixture.now(),
    };
    in_tx!(fixture.store, |tx| { tx.insert_note(&note).await }).unwrap();
    note.id
}

/// A case with everything that one can have, about this account.
async fn judge(fixture: &Fixture, subject: IdentityId) -> Case {
    let mut case = fixture.case(0);
    case.subject_id = subject;
    case.reason = Some(format!("{MARK} said it"));
    case.evidence = Json(vec![MessageRef {
        channel_id: None,
        message_id: MessageId::new(&format!("{MARK}-1")).unwrap(),
    }]);
    case.idempotency_key = Some(format!("{MARK}-{}", case.id));
    case.fate.ended_why = Some(format!("{MARK} was meant"));
    let case = fixture.record(case).await;
    let sanction = fixture.sanction(&case, Some(fixture.now() + TimeDelta::hours(1)));
    in_tx!(fixture.store, |tx| {
        tx.add_case_event(
            case.id,
            case.created_at,
            "system",
            CaseEventKind::Edited,
            json!({ "old": MARK }),
        )
        .await?;
        tx.insert_sanction(&sanction).await?;
        let by = tx
            .claim_due_sanctions(
                fixture.now() + TimeDelta::hours(2),
                "worker",
                fixture.now() + TimeDelta::hours(3),
                9,
            )
            .await?;
        for sanction in by {
            tx.postpone_sanction(
                sanction.id,
                "worker",
                fixture.now() + TimeDelta::hours(4),
                &format!("the platform refused to ban {MARK}"),
            )
            .await?;
        }
        tx.add_points(&PointEntry {
            id: PointEntryId(fixture.ids.next()),
            guild_id: case.guild_id,
            subject_id: subject,
            case_id: case.id,
            delta: 1,
            expires_at: None,
            created_at: fixture.now(),
        })
        .await?;
        tx.publish(case.guild_id, &about(&case), case.created_at).await
    })
    .unwrap();
    case
}

pub(crate) async fn end_sanctions(fixture: &Fixture, case: &Case) {
    in_tx!(fixture.store, |tx| {
        for sanction in tx.sanctions_of_case(case.id).await? {
            tx.end_sanction(sanction.id, SanctionState::Expired, fixture.now(), None)
                .await?;
        }
        Ok::<_, StoreError>(())
    })
    .unwrap();
}

/// Somebody of whom every table knows something. A new table with something personal in it gets a row here.
pub(crate) async fn fill(fixture: &Fixture) -> (Identity, Case) {
    let somebody = fixture.see(NATIVE, Some(MARK)).await;
    fixture
        .behind_its_back(&format!(
            "UPDATE identities SET display_name = '{MARK}' WHERE native_id = '{NATIVE}'"
        ))
        .await;
    let case = judge(fixture, somebody.id).await;
    add_note(
        fixture,
        fixture.guild,
        somebody.id,
        &format!("{MARK} is known elsewhere"),
    )
    .await;
    fill_by_hand(fixture, somebody.id, &case).await;
    (somebody, case)
}

/// A row in each table where an account is written down by what it says and does.
async fn fill_by_hand(fixture: &Fixture, somebody: IdentityId, case: &Case) {
    let on_server = fixture.store.is_postgres();
    let id = |id: Uuid| match on_server {
        true => format!("'{id}'"),
        false => format!("X'{}'", id.simple()),
    };
    let now = match on_server {
        true => format!("'{}'", fixture.now().to_rfc3339()),
        false => fixture.now().timestamp_micros().to_string(),
    };
    let none = if on_server { r"'\x00'" } else { "X'00'" };
    let (guild, who, new) = (id(fixture.guild.0), id(somebody.0), || id(fixture.ids.next()));
    let (appeal, message, notification) = (new(), new(), new());
    let (theirs, other, alice) = (new(), new(), id(fixture.alice.0));
    let (no, yes) = if on_server { ("FALSE", "TRUE") } else { ("0", "1") };
    let (community, list) = (id(fixture.community.id.0), format!("'[\"{MARK}\"]'"));
    for statement in [
        format!(
            "INSERT INTO labels (id, community_id, subject_id, name, set_by, reason, set_at) \
             VALUES ({}, {community}, {who}, '{MARK}', 'system', '{MARK}', {now})",
            new()
        ),
        format!(
            "INSERT INTO federations (id, platform, name, owner_id, reasons_required, owner_told, version, created_at) \
             VALUES ({theirs}, 'discord', 'theirs', {who}, {no}, {yes}, 0, {now}), \
                 ({other}, 'discord', 'other', {alice}, {no}, {yes}, 1, {now})"
        ),
        format!(
            "INSERT INTO federation_admins (federation_id, identity_id, since) VALUES ({other}, {who}, {now})"
        ),
        format!(
            "INSERT INTO federation_bans (id, federation_id, subject_id, reason, banned_by, banned_at, version) \
             VALUES ({}, {other}, {who}, '{MARK}', 'token:x', {now}, 1)",
            new()
        ),
        format!(
            "INSERT INTO memberships (guild_id, identity_id, status, nick, names_folded, roles, avatar, invite_code, \
             last_seen) VALUES ({guild}, {who}, 'member', '{MARK}', '{MARK}', {list}, '{MARK}', '{MARK}', {now})"
        ),
        format!(
            "INSERT INTO user_activity (identity_id, guild_id, day, messages, edits, deletes, reactions, links, media, \
             commands, joins, voice_seconds, flagged) VALUES ({who}, {guild}, {now}, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)"
        ),
        format!(
            "INSERT INTO messages (guild_id, channel_native_id, native_id, identity_id, at, content, content_hash, \
             features, attachments, verdict, purge_after) \
             VALUES ({guild}, '7', '8', {who}, {now}, '{MARK}', {none}, {list}, {list}, {list}, {now})"
        ),
        format!(
            "INSERT INTO message_edits (guild_id, channel_native_id, native_id, at, identity_id, content, content_hash) \
             VALUES ({guild}, '7', '8', {now}, {who}, '{MARK}', {none})"
        ),
        format!(
            "INSERT INTO message_evidence (case_id, seq, channel_native_id, native_id, identity_id, said_at, content, \
             content_hash, attachments, earlier, captured_at) \
             VALUES ({}, 1, '7', '8', {who}, {now}, '{MARK}', {none}, {list}, {list}, {now})",
            id(case.id.0)
        ),
        format!(
            "INSERT INTO event_archive (stream, major, minor, platform, guild_native_id, user_native_id, topic, at, \
             envelope) VALUES ('m', 1, 1, 'discord', '100', '{NATIVE}', 'message:created', {now}, '{MARK}')"
        ),
        format!(
            "INSERT INTO dead_letters (id, consumer_group, consumer, position, platform, guild_native_id, \
             user_native_id, topic, reason, attempts, first_failure, last_failure, error, state) \
             VALUES ('1', 'g', 'c', 'p', 'discord', '100', '{NATIVE}', 'message:created', 'poison', 1, {now}, {now}, \
             '{MARK}', 'waiting')"
        ),
        format!(
            "INSERT INTO reports (id, guild_id, number, reporter_id, subject_id, category, body, state, created_at, \
             resolved_at, resolution) VALUES ({}, {guild}, 1, {who}, {who}, 'spam', '{MARK}', 'actioned', {now}, {now}, \
             '{MARK}')",
            new()
        ),
        format!(
            "INSERT INTO appeals (id, guild_id, case_id, appellant_id, state, statement, decision, decided_at, \
             created_at) VALUES ({appeal}, {guild}, {}, {who}, 'denied', '{MARK}', '{MARK}', {now}, {now})",
            id(case.id.0)
        ),
        format!(
            "INSERT INTO appeal_messages (appeal_id, seq, at, author_kind, author, body) \
             VALUES ({appeal}, 1, {now}, 'appellant', 'x', '{MARK}')"
        ),
        format!(
            "INSERT INTO case_messages (id, case_id, actor_kind, actor, body, created_at, edited_at) \
             VALUES ({message}, {}, 'token', 'trust', '{MARK}', {now}, {now})",
            id(case.id.0)
        ),
        format!(
            "INSERT INTO case_message_edits (message_id, at, body) VALUES ({message}, {now}, 'not {MARK}')"
        ),
        format!(
            "INSERT INTO notification_wishes (guild_id, identity_id, wishes, updated_at) \
             VALUES ({guild}, {who}, '{{\"timezone\":\"{MARK}\"}}', {now})"
        ),
        format!(
            "INSERT INTO notifications (id, recipient_id, level, title, body, link, at) \
             VALUES ({notification}, {who}, 'info', '{MARK}', '{MARK}', '{MARK}', {now})"
        ),
        format!(
            "INSERT INTO notification_tellings (id, notification_id, guild_id, recipient_id, due_at) \
             VALUES ({}, {notification}, {guild}, {who}, {now})",
            new()
        ),
    ] {
        fixture.behind_its_back(&statement).await;
    }
}
