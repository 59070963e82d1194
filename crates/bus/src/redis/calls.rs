//! Commands and scripts over the command connection.

use super::connection::Link;
use super::error;
use crate::engine::EngineError;
use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::{Cmd, Pipeline, RedisError, Script, ServerErrorKind, Value, cmd};
use std::sync::Arc;

/// Our scripts. Each touches the keys of one partition only, or is given the keys of several where the server is no
/// Cluster.
#[derive(Debug, Clone, Copy)]
pub(super) enum ScriptName {
    Append,
    Reopen,
    RemoveConsumer,
    TakeOver,
    Recover,
    Settle,
    ReplayDead,
    Trim,
    About,
    Mark,
    Unmark,
    Post,
    Posted,
    Unpost,
    Unread,
    CountDead,
    RemoveGroup,
}

/// What is sent: a command, or a script of ours with its keys and arguments.
pub(super) struct Call(Cmd);

/// What the server told, and the generation of the connection over which it did.
pub(super) struct Told<T> {
    pub(super) answer: T,
    pub(super) generation: u64,
}

pub(super) struct Calls {
    link: Arc<Link>,
    scripts: Arc<[Script]>,
}

pub(super) fn scripts() -> Arc<[Script]> {
    // In the order of the enum's variants.
    [
        include_str!("lua/append.lua"),
        include_str!("lua/reopen.lua"),
        include_str!("lua/remove_consumer.lua"),
        include_str!("lua/take_over.lua"),
        include_str!("lua/recover.lua"),
        include_str!("lua/settle.lua"),
        include_str!("lua/replay_dead.lua"),
        include_str!("lua/trim.lua"),
        include_str!("lua/about.lua"),
        include_str!("lua/mark.lua"),
        include_str!("lua/unmark.lua"),
        include_str!("lua/post.lua"),
        include_str!("lua/posted.lua"),
        include_str!("lua/unpost.lua"),
        include_str!("lua/unread.lua"),
        include_str!("lua/count_dead.lua"),
        include_str!("lua/remove_group.lua"),
    ]
    .map(Script::new)
    .into()
}

// === impl Call ===

impl From<Cmd> for Call {
    fn from(command: Cmd) -> Self {
        Self(command)
    }
}

impl Call {
    pub(super) fn arg(&mut self, argument: impl ::redis::ToRedisArgs) -> &mut Self {
        self.0.arg(argument);
        self
    }

    /// The call of a script, up to its keys; its other arguments are added by the caller.
    pub(super) fn script(scripts: &[Script], name: ScriptName, keys: &[&str]) -> Self {
        let mut call = cmd("EVALSHA");
        call.arg(scripts[name as usize].get_hash()).arg(keys.len());
        for key in keys {
            call.arg(*key);
        }
        Self(call)
    }

    /// Over a connection that is not handed out yet.
    pub(super) async fn over(self, connection: &mut MultiplexedConnection) -> Result<Value, EngineError> {
        let answer = connection.req_packed_command(&self.0).await;
        unwrapped(answer.map_err(error::engine)?)
    }
}

// === impl Calls ===

impl Calls {
    pub(super) fn new(link: Arc<Link>, scripts: Arc<[Script]>) -> Self {
        Self { link, scripts }
    }

    /// For calls that may turn out to need no connection.
    pub(super) fn open(&self) -> Result<(), EngineError> {
        if self.link.closing().is_cancelled() {
            return Err(EngineError::Closed);
        }
        Ok(())
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(super) fn scripts(&self) -> &[Script] {
        &self.scripts
    }

    pub(super) fn script(&self, name: ScriptName, keys: &[&str]) -> Call {
        Call::script(&self.scripts, name, keys)
    }

    /// Sends one call. An error of the server is an error here.
    pub(super) async fn one(&self, call: Call) -> Result<Value, EngineError> {
        Ok(self.one_told(call).await?.answer)
    }

    pub(super) async fn one_told(&self, call: Call) -> Result<Told<Value>, EngineError> {
        let mut told = self.raw(&call.0).await?;
        if is_no_script(&told.answer) {
            self.load().await?;
            told = self.raw(&call.0).await?;
        }
        Ok(Told {
            answer: unwrapped(told.answer)?,
            generation: told.generation,
        })
    }

    /// Sends several calls at once. An error of the server stays a value in its place: the others were done.
    pub(super) async fn many(&self, calls: Vec<Call>) -> Result<Vec<Value>, EngineError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.many_told(calls).await?.answer)
    }

    pub(super) async fn many_told(&self, calls: Vec<Call>) -> Result<Told<Vec<Value>>, EngineError> {
        let mut pipeline = Pipeline::with_capacity(calls.len());
        for call in calls {
            pipeline.add_command(call.0);
        }
        let Told {
            answer: mut values,
            generation,
        } = self.piped(&pipeline).await?;
        let mut again = Pipeline::new();
        for (command, _) in pipeline
            .cmd_iter()
            .zip(&values)
            .filter(|(_, value)| is_no_script(value))
        {
            again.add_command(command.clone());
        }
        if !again.is_empty() {
            self.load().await?;
            let repeated = self.piped(&again).await?.answer;
            let missing = values.iter_mut().filter(|value| is_no_script(value));
            for (value, repeated) in missing.zip(repeated) {
                *value = repeated;
            }
        }
        Ok(Told {
            answer: values,
            generation,
        })
    }

    /// The server forgot our scripts: it was restarted behind a proxy, failed over, or was told to.
    async fn load(&self) -> Result<(), EngineError> {
        let (mut connection, generation) = self.link.get().await?;
        for script in self.scripts.iter() {
            let loaded = script.load_async(&mut connection).await;
            loaded.map_err(|failed| self.failed(failed, generation))?;
        }
        Ok(())
    }

    async fn raw(&self, command: &Cmd) -> Result<Told<Value>, EngineError> {
        let (mut connection, generation) = self.link.get().await?;
        tokio::select! {
            biased;
            () = self.link.closing().cancelled() => Err(EngineError::Closed),
            sent = connection.req_packed_command(command) => {
                let answer = sent.map_err(|failed| self.failed(failed, generation))?;
                Ok(Told { answer, generation })
            }
        }
    }

    async fn piped(&self, pipeline: &Pipeline) -> Result<Told<Vec<Value>>, EngineError> {
        let count = pipeline.len();
        let (mut connection, generation) = self.link.get().await?;
        let sent = tokio::select! {
            biased;
            () = self.link.closing().cancelled() => return Err(EngineError::Closed),
            sent = connection.req_packed_commands(pipeline, 0, count) => sent,
        };
        let answer = sent.map_err(|failed| self.failed(failed, generation))?;
        if answer.len() != count {
            return Err(error::shape("a pipeline"));
        }
        Ok(Told { answer, generation })
    }

    fn failed(&self, failed: RedisError, generation: u64) -> EngineError {
        if error::ends_the_connection(&failed) {
            self.link.broke(generation);
        }
        error::engine(failed)
    }
}

fn is_no_script(value: &Value) -> bool {
    matches!(value, Value::ServerError(refused) if refused.kind() == Some(ServerErrorKind::NoScript))
}

/// The value, unless it is an error of the server.
pub(super) fn unwrapped(value: Value) -> Result<Value, EngineError> {
    match value {
        Value::ServerError(refused) => Err(error::server(refused)),
        value => Ok(value),
    }
}
