//! Commands and scripts over the command connection.

use super::connection::Link;
use super::error;
use super::wire::Wire;
use crate::engine::EngineError;
use ::redis::{Cmd, Pipeline, RedisError, Script, Value};
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
    Tally,
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
        include_str!("lua/tally.lua"),
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
        Self::large_script(scripts, name, keys, 8, 0)
    }

    /// As [`Call::script`], with room for so many other arguments, which have so many bytes beyond a few each.
    pub(super) fn large_script(
        scripts: &[Script],
        name: ScriptName,
        keys: &[&str],
        arguments: usize,
        bytes: usize,
    ) -> Self {
        let arguments = arguments + keys.len() + 3;
        let mut call = Cmd::with_capacity(arguments, bytes + 32 * arguments);
        call.arg("EVALSHA")
            .arg(scripts[name as usize].get_hash())
            .arg(keys.len());
        for key in keys {
            call.arg(*key);
        }
        Self(call)
    }

    /// Over a connection that is not handed out yet.
    pub(super) async fn over(self, connection: &mut Wire) -> Result<Vec<u8>, EngineError> {
        connection.raw(&self.0).await.map_err(error::engine)
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
        let told = self.one_raw(call).await?;
        unwrapped(::redis::parse_redis_value(&told.answer).map_err(error::engine)?)
    }

    /// As [`Calls::one`], with the reply as it came: an error of the server is one in it.
    pub(super) async fn one_raw(&self, call: Call) -> Result<Told<Vec<u8>>, EngineError> {
        let told = self.raw(&call.0).await?;
        if !is_no_script(&told.answer) {
            return Ok(told);
        }
        self.load().await?;
        self.raw(&call.0).await
    }

    /// Sends several calls at once. An error of the server stays a value in its place: the others were done.
    pub(super) async fn many(&self, calls: Vec<Call>) -> Result<Vec<Value>, EngineError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.many_raw(calls).await?.answer;
        let trees = answers.iter().map(|answer| ::redis::parse_redis_value(answer));
        trees.collect::<Result<_, _>>().map_err(error::engine)
    }

    /// As [`Calls::many`], with the replies as they came.
    pub(super) async fn many_raw(&self, calls: Vec<Call>) -> Result<Told<Vec<Vec<u8>>>, EngineError> {
        let mut pipeline = Pipeline::with_capacity(calls.len());
        for call in calls {
            pipeline.add_command(call.0);
        }
        let mut told = self.piped(&pipeline).await?;
        let mut again = Pipeline::new();
        for (command, _) in (pipeline.cmd_iter().zip(&told.answer)).filter(|(_, answer)| is_no_script(answer))
        {
            again.add_command(command.clone());
        }
        if !again.is_empty() {
            self.load().await?;
            let repeated = self.piped(&again).await?.answer;
            let missing = told.answer.iter_mut().filter(|answer| is_no_script(answer));
            for (answer, repeated) in missing.zip(repeated) {
                *answer = repeated;
            }
        }
        Ok(told)
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

    async fn raw(&self, command: &Cmd) -> Result<Told<Vec<u8>>, EngineError> {
        let (mut connection, generation) = self.link.get().await?;
        tokio::select! {
            biased;
            () = self.link.closing().cancelled() => Err(EngineError::Closed),
            sent = connection.raw(command) => {
                let answer = sent.map_err(|failed| self.failed(failed, generation))?;
                Ok(Told { answer, generation })
            }
        }
    }

    async fn piped(&self, pipeline: &Pipeline) -> Result<Told<Vec<Vec<u8>>>, EngineError> {
        let count = pipeline.len();
        let (mut connection, generation) = self.link.get().await?;
        let sent = tokio::select! {
            biased;
            () = self.link.closing().cancelled() => return Err(EngineError::Closed),
            sent = connection.raw_many(pipeline) => sent,
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

fn is_no_script(answer: &[u8]) -> bool {
    answer.starts_with(b"-NOSCRIPT")
}

/// The value, unless it is an error of the server.
pub(super) fn unwrapped(value: Value) -> Result<Value, EngineError> {
    match value {
        Value::ServerError(refused) => Err(error::server(refused)),
        value => Ok(value),
    }
}
